"""Small trees of files that have the shape of the data sets' own; media are empty."""

import json
from pathlib import Path

from training.data.datasets.actions import list_hmdb51, list_kinetics, list_ucf101
from training.data.datasets.captioned_images import list_coco, list_flickr8k
from training.data.datasets.captioned_videos import list_msrvtt, list_msvd
from training.data.datasets.listing import Listing


def make_tree(root: Path, files: dict[str, str]) -> Path:
    """Files of text; media are empty, for nothing here decodes."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def rows_of(listing: Listing, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(row, name) for name in columns) for row in listing.rows]


UCF101 = {
    "UCF-101/Archery/v_Archery_g01_c01.avi": "",
    "UCF-101/Archery/v_Archery_g08_c02.avi": "",
    "UCF-101/YoYo/v_YoYo_g25_c03.avi": "",
    "UCF-101/YoYo/v_YoYo_g02_c01.avi": "",
    "ucfTrainTestlist/classInd.txt": "1 Archery\r\n2 YoYo\r\n",
    "ucfTrainTestlist/trainlist01.txt": (
        "Archery/v_Archery_g08_c02.avi 1\r\nYoYo/v_YoYo_g25_c03.avi 2\r\n"
        "YoYo/v_YoYo_g24_c01.avi 2\r\n"
    ),
    "ucfTrainTestlist/testlist01.txt": "Archery/v_Archery_g01_c01.avi\r\n",
    "ucfTrainTestlist/trainlist02.txt": "Archery/v_Archery_g01_c01.avi 1\r\n",
    "ucfTrainTestlist/testlist02.txt": "Archery/v_Archery_g08_c02.avi\r\n",
}


HMDB51 = {
    "videos/brush_hair/a b!_brush_hair_u_0.avi": "",
    "videos/brush_hair/c_1.avi": "",
    "videos/clap/c_1.avi": "",
    "splits/brush_hair_test_split1.txt": "a b!_brush_hair_u_0.avi 1 \nc_1.avi 2 \ngone.avi 0 \n",
    "splits/brush_hair_test_split2.txt": "a b!_brush_hair_u_0.avi 0 \nc_1.avi 1 \ngone.avi 0 \n",
    "splits/clap_test_split1.txt": "c_1.avi 1 \n",
    "splits/clap_test_split3.txt": "c_1.avi 2 \n",
}


KINETICS = {
    "train/abseiling/0347ZoDXyP0_000095_000105.mp4": "",
    "val/-flat_id_00.mkv": "",
    "kinetics_train.csv": (
        "label,youtube_id,time_start,time_end,split,is_cc\n"
        'abseiling,0347ZoDXyP0,95,105,train,0\n"air, drumming",gone_id_000,1,11,train,0\n'
    ),
    "annotations/val.csv": (
        "label,youtube_id,time_start,time_end,split\nyoga,-flat_id_00,10,20,validate\n"
    ),
    "notes.csv": "a,b\n1,2\n",
}


def msrvtt_json(splits: dict[str, str], said: list[tuple[str, str]]) -> str:
    videos = [
        {"video_id": name, "split": split, "url": f"https://www.youtube.com/watch?v=y{name}"}
        for name, split in splits.items()
    ]
    sentences = [{"video_id": name, "caption": text, "sen_id": 1} for name, text in said]
    return json.dumps({"info": {}, "videos": videos, "sentences": sentences})


MSRVTT = {
    "TrainValVideo/video0.mp4": "",
    "TrainValVideo/video1.mp4": "",
    "TestVideo/video7010.mp4": "",
    "TestVideo/video7011.mp4": "",
    "train_val_annotation/train_val_videodatainfo.json": msrvtt_json(
        {"video0": "train", "video1": "validate", "video2": "train"},
        [("video0", "a  car"), ("video1", "a dog"), ("video0", "a red car"), ("video2", "gone")],
    ),
    "test_videodatainfo.json": msrvtt_json(
        {"video7010": "test", "video7011": "test"},
        [("video7010", "a man"), ("video7010", "a tall man"), ("video7011", "a cat")],
    ),
}


ONE_K_A = {
    "MSRVTT_JSFUSION_test.csv": (
        'key,vid_key,video_id,sentence\nret0,msr7010,video7010,"a man, tall"\n'
    )
}


MSVD_MEDIA = {
    "YouTubeClips/-4wsuPCjDBc_5_15.avi": "",
    "YouTubeClips/mv89psg6zh4_33_46.avi": "",
}
MSVD_TEXT = {
    "AllVideoDescriptions.txt": (
        "# comment\n\n-4wsuPCjDBc_5_15 a squirrel is eating\n-4wsuPCjDBc_5_15 a squirrel eats\n"
        "mv89psg6zh4_33_46 a bird bathes\ngone_id_0000_1_2 nothing\n"
    )
}
MSVD_TABLE = {
    "video_corpus.csv": (
        "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
        "-4wsuPCjDBc,5,15,1,clean,9,English,a squirrel is eating\n"
        "-4wsuPCjDBc,5,15,1,clean,9,Dutch,een eekhoorn\n"
        '-4wsuPCjDBc,5,15,1,clean,9,English,"a squirrel eats"\n'
        "mv89psg6zh4,33,46,1,unverified,9,English,a bird bathes\n"
        "mv89psg6zh4,33,46,1,unverified,9,English,\n"
    )
}


FLICKR8K_MEDIA = {f"Flicker8k_Dataset/{name}.jpg": "" for name in ("10_a", "11_b", "12_c")}
FLICKR8K_LISTS = {
    "text/Flickr_8k.trainImages.txt": "10_a.jpg\n",
    "text/Flickr_8k.devImages.txt": "11_b.jpg\n",
    "text/Flickr_8k.testImages.txt": "12_c.jpg\n",
}
FLICKR8K_TOKENS = {
    "text/Flickr8k.token.txt": (
        "10_a.jpg#0\tA child , in pink .\n10_a.jpg#1\tA girl .\n11_b.jpg#0\tA dog .\n"
        "12_c.jpg#0\tA cat .\n13_gone.jpg.1#0\tNothing .\n"
    )
}
FLICKR8K_TABLE = {
    "captions.txt": (
        "image,caption\n10_a.jpg,A child , in pink .\n10_a.jpg,A girl .\n"
        '11_b.jpg,"A dog ."\n12_c.jpg,A cat .\n13_gone.jpg.1,Nothing .\n'
    )
}


def coco_json(said: dict[str, list[str]]) -> str:
    images = [{"id": int(Path(name).stem), "file_name": name} for name in said]
    annotations = [
        {"image_id": int(Path(name).stem), "caption": text, "id": 1}
        for name, texts in said.items()
        for text in texts
    ]
    return json.dumps({"images": images, "annotations": annotations})


COCO = {
    "train2017/000000000001.jpg": "",
    "val2017/000000000002.jpg": "",
    "annotations/captions_train2017.json": coco_json(
        {"000000000001.jpg": ["A cat.\n", "A  sleeping cat."], "000000000003.jpg": ["Gone."]}
    ),
    "annotations/captions_val2017.json": coco_json({"000000000002.jpg": ["A dog."]}),
}


LISTS = {
    "ucf101": list_ucf101,
    "hmdb51": list_hmdb51,
    "kinetics": list_kinetics,
    "msrvtt": list_msrvtt,
    "msvd": list_msvd,
    "flickr8k": list_flickr8k,
    "coco": list_coco,
}
TREES = {
    "ucf101": UCF101,
    "hmdb51": HMDB51,
    "kinetics": KINETICS,
    "msrvtt": MSRVTT,
    "msvd": {**MSVD_MEDIA, **MSVD_TEXT},
    "flickr8k": {**FLICKR8K_MEDIA, **FLICKR8K_TOKENS},
    "coco": COCO,
}
