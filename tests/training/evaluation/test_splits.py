"""Which videos teach and which test: read off the manifest, or one sentence that says why not."""

import tarfile

import pytest

from cpd_model.errors import InputError
from training.data.manifest import read_manifest
from training.evaluation.splits import SplitVideo, hold_back, read_split


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "clips.csv"
        path.write_text(content)
        return path

    return write


@pytest.mark.parametrize(
    ("header", "cells", "parts"),
    [
        ("split", "train/test/train", ("train", "test", "train")),
        ("split", "Training / - / testing", ("train", "", "test")),
        ("split", "test", ("test",)),
        ("split", "", ()),
        ("split1,split2,split3", "train,test,", ("train", "test", "")),
        ("split2,split1", "test,train", ("train", "test")),
        ("split,split1", "train/train,test", ("test",)),
        ("width", "320", ()),
    ],
)
def test_a_row_says_its_part_of_each_official_split(write, header, cells, parts):
    (row,) = read_manifest(write(f"path,{header},group\na.mp4,{cells},g01\n"))

    assert row.parts == parts
    assert row.group == "g01"


THREE_SPLITS = """path,label,group,split
a.mp4,run,g1,train/test/train
b.mp4,run,g2,test/train/train
c.mp4,sit,g1,train/train/-
d.mp4,sit,g3,test/test/test
e.mp4,sit,g4,val/train/train
f.mp4,,g5,train/train/train
g.mp4,sit,g6,
"""


def test_each_split_has_its_own_train_and_test_videos(write, tmp_path):
    manifest = write(THREE_SPLITS)

    first, second = (read_split(manifest, number=number) for number in (1, 2))

    assert first.class_names == ["run", "sit"]
    assert first.train == [
        SplitVideo(tmp_path / "a.mp4", 0, "g1"),
        SplitVideo(tmp_path / "c.mp4", 1, "g1"),
    ]
    assert [video.path.name for video in first.test] == ["b.mp4", "d.mp4"]
    assert [video.path.name for video in second.train] == ["b.mp4", "c.mp4", "e.mp4"]
    assert [video.path.name for video in second.test] == ["a.mp4", "d.mp4"]
    assert first.warnings == []


def test_a_recording_in_both_parts_is_told(write):
    split = read_split(write(THREE_SPLITS), number=2)

    assert len(split.warnings) == 1
    assert "1 group in both train and test (g1)" in split.warnings[0]


def test_a_class_that_nothing_teaches_is_told(write):
    rows = "a,run,train\nb,sit,train\nc,jump,test\nd,run,test\n"

    (warning,) = read_split(write(f"path,label,split\n{rows}"), number=1).warnings

    assert "1 class of the test part without a train video (jump)" in warning


def test_a_class_list_leaves_other_videos_out(write, tmp_path):
    manifest = write("path,label,split\na,run,train\nb,sit,train\nc,run,test\nd,jump,train\n")
    (tmp_path / "classes.txt").write_text("run\nsit\nfly\n")

    split = read_split(manifest, number=1, classes=tmp_path / "classes.txt")

    assert split.class_names == ["run", "sit"]
    assert len(split.train) == 2


@pytest.mark.parametrize(
    ("content", "number", "sentence"),
    [
        ("path,split\na,train\n", 1, "no row of clips.csv has a label"),
        ("path,label\na,run\n", 1, r"clips.csv has no split 1 \(it has none\)"),
        ("path,label,split\na,run,train\n", 2, r"no split 2 \(it has splits 1 to 1\)"),
        ("path,label,split\na,run,train\nb,sit,train\n", 1, "has no test video"),
        ("path,label,split\na,run,test\nb,sit,val\n", 1, "has no train video"),
        ("path,label,split\na,run,train\nb,sit,test\n", 1, "one class alone, run"),
        ("path,label,split\na,run,train\n./a,run,test\n", 1, "in both train and test of split 1"),
        ("path,label,split\na,run,train\na,sit,train\n", 1, "two labels, run and sit"),
    ],
)
def test_a_manifest_that_gives_no_split_is_one_sentence(write, content, number, sentence):
    with pytest.raises(InputError, match=sentence):
        read_split(write(content), number=number)


def videos(*rows):
    return [SplitVideo(f"{number}.mp4", label, group) for number, (label, group) in enumerate(rows)]


def test_a_quarter_of_each_class_is_held_back_however_unequal_the_classes_are():
    """Taken over all videos alike, a quarter was often of the largest class alone."""
    rows = videos(*[(0, "")] * 80, *[(1, "")] * 12, *[(2, "")] * 4, *[(3, "")] * 2, (4, ""))

    for seed in range(20):
        held = [rows[position].label for position in hold_back(rows, seed=seed)]

        assert [held.count(label) for label in range(5)] == [20, 3, 1, 1, 0]


def test_a_class_of_large_groups_gives_its_smallest_one():
    """A quarter of five videos is one, but no group is that small."""
    rows = videos((0, "a"), (0, "a"), (0, "a"), (0, "b"), (0, "b"), *[(1, "")] * 8)

    for seed in range(20):
        held = hold_back(rows, seed=seed)

        assert [position for position in held if position < 5] == [3, 4]


def test_what_is_held_back_are_whole_groups_about_a_quarter_and_no_class_is_emptied():
    rows = videos(*[(number % 3, f"g{number // 6}") for number in range(48)], (3, "lone"))

    for seed in range(20):
        held = hold_back(rows, seed=seed)

        groups = {rows[position].group for position in held}
        assert held == [n for n, video in enumerate(rows) if video.group in groups]
        assert len(held) == 12
        assert "lone" not in groups


def test_videos_without_a_group_are_held_back_one_by_one():
    held = hold_back(videos(*[(number % 2, "") for number in range(8)]))

    assert len(held) == 2


def test_nothing_is_held_back_where_every_class_has_one_group():
    assert hold_back(videos((0, "a"), (0, "a"), (1, "b"))) == []


def test_videos_inside_an_archive_are_refused_in_one_sentence(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in {"a.mp4": "x", "a.json": '{"caption": "x", "label": "run"}'}.items():
            (tmp_path / name).write_text(content)
            archive.add(tmp_path / name, name)

    with pytest.raises(InputError, match=r"inside archives, .*; unpack them"):
        read_split(tmp_path / "a.tar", number=1)


def test_groups_that_seem_numbered_anew_in_each_class_are_told_apart_from_torn_ones(write):
    numbered = "path,label,group,split\na,run,g1,train\nb,sit,g2,train\nc,sit,g1,test\n"

    (warning,) = read_split(write(numbered), number=1).warnings
    (torn,) = read_split(write(numbered + "d,run,g1,test\n"), number=1).warnings

    assert warning.endswith("if each class numbers its groups anew, write CLASS/GROUP instead")
    assert "CLASS/GROUP" not in torn
