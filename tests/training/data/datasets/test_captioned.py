"""MSR-VTT, MSVD, Flickr8k and COCO: every sentence of every medium, and the usual parts."""

import json
from pathlib import Path

import pytest

from tests.training.data.datasets.trees import (
    COCO,
    FLICKR8K_LISTS,
    FLICKR8K_MEDIA,
    FLICKR8K_TABLE,
    FLICKR8K_TOKENS,
    MSRVTT,
    MSVD_MEDIA,
    MSVD_TABLE,
    MSVD_TEXT,
    ONE_K_A,
    make_tree,
    rows_of,
)
from training.data.datasets.captioned_images import list_coco, list_flickr8k
from training.data.datasets.captioned_videos import list_msrvtt, list_msvd


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


def test_coco_has_every_year_and_part_that_is_there(tmp_path):
    listing = list_coco(make_tree(tmp_path, COCO))

    assert rows_of(listing, "id", "caption", "split") == [
        ("000000000001", "A cat.", "train"),
        ("000000000001", "A sleeping cat.", "train"),
        ("000000000002", "A dog.", "val"),
    ]
    assert listing.missing == ["train2017/000000000003.jpg"]
