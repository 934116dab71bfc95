"""Manifests from generated trees that have the shape of the data sets' own."""

import csv
import json
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from tests.index.colored_videos import call_cpd
from training.data.datasets.actions import list_hmdb51, list_kinetics, list_ucf101
from training.data.datasets.captioned_images import list_coco, list_flickr8k
from training.data.datasets.captioned_videos import list_msrvtt, list_msvd
from training.data.datasets.folders import list_folder
from training.data.datasets.listing import Listing, Row, write_manifest
from training.data.datasets.tree import Tree
from training.data.manifest import read_manifest
from training.data.pairs import read_pairs


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


def test_ucf101_has_its_official_splits_and_groups(tmp_path):
    listing = list_ucf101(make_tree(tmp_path, UCF101))

    assert rows_of(listing, "id", "label", "split", "splits", "group") == [
        ("Archery/v_Archery_g01_c01", "Archery", "test", ("test", "train", ""), "Archery/g01"),
        ("Archery/v_Archery_g08_c02", "Archery", "train", ("train", "test", ""), "Archery/g08"),
        ("YoYo/v_YoYo_g25_c03", "YoYo", "train", ("train", "", ""), "YoYo/g25"),
    ]
    assert listing.missing == ["YoYo/v_YoYo_g24_c01.avi"]
    assert listing.counts() == {"test": 1, "train": 2}


def test_evaluation_reads_the_splits_as_they_were_meant(tmp_path):
    write_manifest(list_ucf101(make_tree(tmp_path / "data", UCF101)), tmp_path / "ucf101.csv")

    rows = read_manifest(tmp_path / "ucf101.csv")

    assert [row.parts for row in rows] == [
        ("test", "train", ""),
        ("train", "test", ""),
        ("train", "", ""),
    ]
    assert [row.group for row in rows] == ["Archery/g01", "Archery/g08", "YoYo/g25"]
    assert rows[0].path == tmp_path / "data" / "UCF-101" / "Archery" / "v_Archery_g01_c01.avi"
    trained = read_pairs(tmp_path / "ucf101.csv", split="train", caption_from="label")
    assert [pair.captions for pair in trained] == [("archery",), ("yo yo",)]


def test_ucf101_numbers_its_groups_anew_in_each_class(tmp_path):
    videos = {f"UCF-101/{name}/v_{name}_g08_c01.avi": "" for name in ("BabyCrawling", "Punch")}
    taught = "".join(f"{name}/v_{name}_g08_c01.avi 1\n" for name in ("BabyCrawling", "Punch"))
    lists = {"classInd.txt": "1 BabyCrawling\n2 Punch\n", "trainlist01.txt": taught}

    baby, punch = list_ucf101(make_tree(tmp_path, {**videos, **lists})).rows

    assert baby.group != punch.group


HMDB51 = {
    "videos/brush_hair/a b!_brush_hair_u_0.avi": "",
    "videos/brush_hair/c_1.avi": "",
    "videos/clap/c_1.avi": "",
    "splits/brush_hair_test_split1.txt": "a b!_brush_hair_u_0.avi 1 \nc_1.avi 2 \ngone.avi 0 \n",
    "splits/brush_hair_test_split2.txt": "a b!_brush_hair_u_0.avi 0 \nc_1.avi 1 \ngone.avi 0 \n",
    "splits/clap_test_split1.txt": "c_1.avi 1 \n",
    "splits/clap_test_split3.txt": "c_1.avi 2 \n",
}


def test_hmdb51_reads_0_1_2_and_tells_files_of_one_name_apart(tmp_path):
    listing = list_hmdb51(make_tree(tmp_path, HMDB51))

    assert rows_of(listing, "label", "splits") == [
        ("brush_hair", ("train", "", "")),
        ("brush_hair", ("test", "train", "")),
        ("clap", ("train", "", "test")),
    ]
    assert [row.path.parent.name for row in listing.rows] == ["brush_hair", "brush_hair", "clap"]
    assert len({row.id for row in listing.rows}) == 3
    assert listing.missing == ["brush_hair/gone.avi"]


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


def test_kinetics_lists_what_is_left_of_it(tmp_path):
    listing = list_kinetics(make_tree(tmp_path, KINETICS))

    assert sorted(rows_of(listing, "id", "label", "split", "group")) == [
        ("-flat_id_00_000010_000020", "yoga", "val", "-flat_id_00"),
        ("0347ZoDXyP0_000095_000105", "abseiling", "train", "0347ZoDXyP0"),
    ]
    assert listing.missing == ["gone_id_000_000001_000011"]


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


def test_msrvtt_has_every_sentence_of_its_videos(tmp_path):
    listing = list_msrvtt(make_tree(tmp_path, MSRVTT))

    assert rows_of(listing, "id", "caption", "split", "group") == [
        ("video0", "a car", "train", "yvideo0"),
        ("video1", "a dog", "val", "yvideo1"),
        ("video0", "a red car", "train", "yvideo0"),
        ("video7010", "a man", "test", "yvideo7010"),
        ("video7010", "a tall man", "test", "yvideo7010"),
        ("video7011", "a cat", "test", "yvideo7011"),
    ]
    assert listing.missing == ["video2"]
    assert listing.num_media == 4


def test_msrvtt_in_one_file_is_the_same(tmp_path):
    parts = make_tree(tmp_path / "parts", MSRVTT)
    both = [json.loads(Path(parts, name).read_text()) for name in MSRVTT if "json" in name]
    merged = {name: both[0][name] + both[1][name] for name in ("videos", "sentences")}
    media = {name: "" for name in MSRVTT if name.endswith("mp4")}
    one = make_tree(tmp_path / "one", {**media, "MSRVTT_data.json": json.dumps(merged)})

    first, second = list_msrvtt(parts), list_msrvtt(one)

    columns = ("id", "caption", "split")
    assert rows_of(first, *columns) == rows_of(second, *columns)


def test_msrvtt_1k_a_tests_on_one_sentence_a_video_and_trains_on_the_rest(tmp_path):
    root = make_tree(tmp_path, {**MSRVTT, **ONE_K_A})

    listing = list_msrvtt(root, split="1k-a")

    assert rows_of(listing, "id", "caption", "split") == [
        ("video0", "a car", "train"),
        ("video1", "a dog", "train"),
        ("video0", "a red car", "train"),
        ("video7011", "a cat", "train"),
        ("video7010", "a man, tall", "test"),
    ]
    make_tree(root, {"MSRVTT_train.9k.csv": "video_id\nvideo0\n"})
    assert list_msrvtt(root, split="1k-a").counts() == {"train": 1, "test": 1}


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


@pytest.mark.parametrize("table", [MSVD_TEXT, MSVD_TABLE], ids=["text", "table"])
def test_msvd_has_its_english_sentences(tmp_path, table):
    listing = list_msvd(make_tree(tmp_path, {**MSVD_MEDIA, **table}))

    assert rows_of(listing, "id", "caption", "split", "group") == [
        ("-4wsuPCjDBc_5_15", "a squirrel is eating", "", "-4wsuPCjDBc"),
        ("-4wsuPCjDBc_5_15", "a squirrel eats", "", "-4wsuPCjDBc"),
        ("mv89psg6zh4_33_46", "a bird bathes", "", "mv89psg6zh4"),
    ]


@pytest.mark.parametrize(
    "lists",
    [
        {"youtube_mapping.txt": "-4wsuPCjDBc_5_15 vid1200\nmv89psg6zh4_33_46 vid1301\n"},
        {"train_list.txt": "-4wsuPCjDBc_5_15\n", "test_list.txt": "mv89psg6zh4_33_46\n"},
    ],
    ids=["by number", "by list"],
)
def test_msvd_has_the_usual_parts(tmp_path, lists):
    listing = list_msvd(make_tree(tmp_path, {**MSVD_MEDIA, **MSVD_TEXT, **lists}))

    assert listing.counts() == {"train": 1, "test": 1}


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


@pytest.mark.parametrize("table", [FLICKR8K_TOKENS, FLICKR8K_TABLE], ids=["tokens", "table"])
def test_flickr8k_has_its_sentences_and_parts(tmp_path, table):
    listing = list_flickr8k(make_tree(tmp_path, {**FLICKR8K_MEDIA, **FLICKR8K_LISTS, **table}))

    assert rows_of(listing, "id", "caption", "split") == [
        ("10_a", "A child , in pink .", "train"),
        ("10_a", "A girl .", "train"),
        ("11_b", "A dog .", "val"),
        ("12_c", "A cat .", "test"),
    ]
    assert len(listing.missing) == 1


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


def test_coco_has_every_year_and_part_that_is_there(tmp_path):
    listing = list_coco(make_tree(tmp_path, COCO))

    assert rows_of(listing, "id", "caption", "split") == [
        ("000000000001", "A cat.", "train"),
        ("000000000001", "A sleeping cat.", "train"),
        ("000000000002", "A dog.", "val"),
    ]
    assert listing.missing == ["train2017/000000000003.jpg"]


def test_a_folder_of_your_own_is_read_by_names_and_texts(tmp_path):
    listing = list_folder(
        make_tree(
            tmp_path,
            {
                "Train/run/a.mp4": "", "Train/run/deep/b.mp4": "", "Train/run/a.txt": "one\ntwo\n",
                "validation/c.jpg": "", "jump/d.webm": "", "e.mkv": "",
                "walk/f/1.jpg": "", "walk/f/2.jpg": "", "walk/f.txt": "three", "notes.md": "",
                ".cache/x.mp4": "",
            },
        )
    )  # fmt: skip

    assert sorted(rows_of(listing, "id", "label", "caption", "split")) == [
        ("Train/run/a.mp4", "run", "one", "train"),
        ("Train/run/a.mp4", "run", "two", "train"),
        ("Train/run/deep/b.mp4", "run", "", "train"),
        ("e.mkv", "", "", ""),
        ("jump/d.webm", "jump", "", ""),
        ("validation/c.jpg", "", "", "val"),
        ("walk/f", "walk", "three", ""),
    ]


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


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path, name):
    with pytest.raises(InputError, match=r"^no .* below .*; get .* https://") as caught:
        LISTS[name](make_tree(tmp_path, {"readme": ""}))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LISTS)
def test_annotations_without_their_media_are_one_sentence(tmp_path, name):
    texts = {name: text for name, text in TREES[name].items() if text}

    with pytest.raises(InputError, match=r"^none of the \d media .*, such as .*; get "):
        LISTS[name](make_tree(tmp_path, texts))


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("ucf101", {"ucfTrainTestlist/classInd.txt": "1 Archery\n"}, "class YoYo of .* is not in"),
        ("hmdb51", {"splits/clap_test_split1.txt": "c_1.avi 7\n"}, "expected a name and 0, 1 or 2"),
        (
            "kinetics",
            {"kinetics_train.csv": "youtube_id,time_start,time_end\nx,a,b\n"},
            "are no numbers",
        ),
        ("msrvtt", {"test_videodatainfo.json": '{"videos": []}'}, "MSR-VTT's annotations look"),
        ("msrvtt", {"test_videodatainfo.json": "{"}, "no JSON"),
        ("msvd", {"youtube_mapping.txt": "x_1_2 vid1971\n"}, "vid1 to vid1970"),
        ("coco", {"annotations/captions_val2017.json": '{"images": [1]}'}, "COCO's captions look"),
    ],
)
def test_annotations_of_another_shape_are_one_sentence(tmp_path, name, wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        LISTS[name](make_tree(tmp_path, {**TREES[name], **wrong}))


def test_an_empty_or_absent_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no video or picture below"):
        list_folder(tmp_path)
    with pytest.raises(InputError, match=r"no folder .*none; name the folder"):
        list_folder(tmp_path / "none")


def test_a_link_that_leads_back_up_is_walked_once(tmp_path):
    make_tree(tmp_path, {"a/x.mp4": ""})
    (tmp_path / "a" / "up").symlink_to(tmp_path)

    assert Tree(tmp_path).media == [tmp_path / "a" / "x.mp4"]


def test_a_manifest_has_the_columns_it_needs_and_paths_from_where_it_lies(tmp_path):
    rows = [Row(path=tmp_path / "data" / "a.mp4", id="a", caption='a "b", c', label="x")]

    write_manifest(Listing(rows=rows), tmp_path / "new" / "list.csv")

    with (tmp_path / "new" / "list.csv").open(newline="", encoding="utf-8") as file:
        header, row = list(csv.reader(file))
    assert header == ["path", "label", "caption", "id", "split"]
    assert row == ["../data/a.mp4", "x", 'a "b", c', "a", ""]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["list.csv"]


def test_a_manifest_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(InputError, match="cannot write"):
        write_manifest(Listing(rows=[]), tmp_path / "file" / "list.csv")


@pytest.mark.parametrize("name", [*LISTS, "folder"])
def test_the_command_writes_a_manifest_and_says_what_is_in_it(tmp_path, capfd, name):
    root = make_tree(tmp_path / "data", TREES.get(name, {"train/run/a.mp4": "", "b.mp4": ""}))

    done = call_cpd(capfd, ["dataset", name, root, "--json"])
    told = json.loads(done.out)
    rows = read_manifest(root / "cpd-manifest.csv")

    assert done.code == 0
    assert (told["rows"], told["manifest"]) == (len(rows), str(root / "cpd-manifest.csv"))
    assert sum(told["splits"].values()) == told["media"] == len({row.path for row in rows})


def test_the_command_speaks_to_people_too(tmp_path, capfd):
    root = make_tree(tmp_path / "data", UCF101)

    done = call_cpd(capfd, ["dataset", "ucf101", root, "--out", tmp_path / "u.csv"])

    assert done.out == f"wrote {tmp_path / 'u.csv'}: 3 media (test 1, train 2), 3 rows\n"
    assert "1 media that the annotations name are not there, such as YoYo/v_YoYo_g24" in done.err
    wrong = call_cpd(capfd, ["dataset", "msrvtt", root, "--split", "2k"])
    assert wrong.code == 2
    assert "full or 1k-a" in wrong.err


def test_pairs_are_packed_from_the_command_line(tmp_path, capfd):
    make_tree(tmp_path, {"a.mp4": "x", "b.mp4": "y", "p.csv": "path,caption\na.mp4,1\nb.mp4,2\n"})

    done = call_cpd(
        capfd, ["dataset", "pack", "--pairs", tmp_path / "p.csv", "--out", tmp_path / "o", "--json"]
    )

    told = json.loads(done.out)
    assert (done.code, told["pairs"], len(told["shards"])) == (0, 2, 1)
    assert [pair.id for pair in read_pairs(tmp_path / "o")] == ["a.mp4", "b.mp4"]
    again = call_cpd(
        capfd, ["dataset", "pack", "--pairs", tmp_path / "p.csv", "--out", tmp_path / "o"]
    )
    assert again.code == 2
    assert "holds .tar files already" in again.err
