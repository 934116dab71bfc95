"""Folders of one's own, the walk through them, and the CSV that is written."""

import csv

import pytest

from cpd_model.errors import InputError
from tests.training.data.datasets.trees import make_tree, rows_of
from training.data.datasets.folders import list_folder
from training.data.datasets.listing import Listing, Row, write_manifest
from training.data.datasets.tree import Tree


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
