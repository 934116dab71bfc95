"""Data sets of videos with sentences: MSR-VTT and MSVD.

train_val_videodatainfo.json, test_videodatainfo.json, or MSRVTT_data.json for both:
    {"videos": [{"video_id": "video0", "url": ..., "split": "train"}],
     "sentences": [{"video_id": "video0", "caption": ...}]}
TrainValVideo/video0.mp4
MSRVTT_JSFUSION_test.csv                    key,vid_key,video_id,sentence
MSRVTT_train.9k.csv                         video_id

AllVideoDescriptions.txt                    -4wsuPCjDBc_5_15 a squirrel is eating a peanut
video_corpus.csv                            VideoID,Start,End,...,Language,Description
youtube_mapping.txt                         -4wsuPCjDBc_5_15 vid1
YouTubeClips/-4wsuPCjDBc_5_15.avi
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cpd_model.errors import InputError
from training.data.datasets.listing import Listing, Row, require_found
from training.data.datasets.tree import Tree, read_annotations, read_lines
from training.data.tables import read_json

MSRVTT_FROM = (
    "get the annotations and MSRVTT.zip by https://github.com/ArrowLuo/CLIP4Clip#data-preparing"
)
MSVD_FROM = (
    "get AllVideoDescriptions.txt and YouTubeClips.tar from "
    "https://www.cs.utexas.edu/~ml/clamp/videoDescription"
)

MsrvttSplit = Literal["full", "1k-a"]

_MSRVTT_WHOLE = "MSRVTT_data.json"
_MSRVTT_HALVES = ("train_val_videodatainfo.json", "test_videodatainfo.json")
_MSVD_PARTS = {"train": 1200, "val": 100, "test": 670}
"""Videos of each part, in the order of youtube_mapping.txt."""


class _Said(NamedTuple):
    """A sentence about a video."""

    name: str
    caption: str


def list_msrvtt(root: Path, *, split: MsrvttSplit = "full") -> Listing:
    """MSR-VTT with every sentence of its videos; a group is the YouTube video clips come from.

    Args:
        split: `full` is train, val and test of the annotations (6,513, 497 and 2,990 videos);
            `1k-a` tests on the 1,000 sentences of MSRVTT_JSFUSION_test.csv, one a video, and
            trains on the videos of MSRVTT_train.9k.csv, or without that file on all others.

    Raises:
        InputError: annotations are missing or wrong, or none of their videos is there.
    """
    tree = Tree(root)
    whole = tree.find(_MSRVTT_WHOLE)
    halves = [path for name in _MSRVTT_HALVES for path in [tree.find(name)] if path]
    tables = [whole] if whole else halves
    if not tables:
        tree.require(_MSRVTT_WHOLE, _MSRVTT_HALVES[0], where_from=MSRVTT_FROM)
    facts: dict[str, dict[str, Any]] = {}
    said: dict[_Said, None] = {}
    for table in tables:
        videos, sentences = _msrvtt_table(table)
        facts.update(videos)
        said.update(dict.fromkeys(sentences))
    parts = {name: _part(str(video.get("split", ""))) for name, video in facts.items()}
    sentences = list(said)
    if split == "1k-a":
        parts, sentences = _one_k_a(tree, parts, sentences)
    rows, missing = _rows(tree, sentences, parts)
    rows = [replace(row, group=_youtube_id(facts.get(row.id, {}))) for row in rows]
    require_found("MSR-VTT", rows, missing, MSRVTT_FROM)
    return Listing(rows=rows, missing=missing)


def list_msvd(root: Path) -> Listing:
    """MSVD with its English sentences; a group is the YouTube video clips come from.

    Parts are those of train_list.txt, val_list.txt and test_list.txt, else the usual 1200, 100
    and 670 videos by the numbers of youtube_mapping.txt, else none.

    Raises:
        InputError: annotations are missing or wrong, or none of their videos is there.
    """
    tree = Tree(root)
    table = tree.require("AllVideoDescriptions.txt", "video_corpus.csv", where_from=MSVD_FROM)
    said = _msvd_text(table) if table.suffix == ".txt" else _msvd_table(table)
    rows, missing = _rows(tree, dict.fromkeys(said), _msvd_parts(tree))
    rows = [replace(row, group=row.id.rsplit("_", 2)[0]) for row in rows]
    require_found("MSVD", rows, missing, MSVD_FROM)
    return Listing(rows=rows, missing=missing)


def _rows(tree: Tree, said: Iterable[_Said], parts: dict[str, str]) -> tuple[list[Row], list[str]]:
    """A row for each sentence whose video is there and has a part, if any has one."""
    rows: list[Row] = []
    missing: dict[str, None] = {}
    for name, caption in said:
        if parts and name not in parts:
            continue
        path = tree.medium(name)
        if path is None:
            missing[name] = None
        elif caption:
            rows.append(Row(path=path, id=name, caption=caption, split=parts.get(name, "")))
    return rows, list(missing)


def _msrvtt_table(path: Path) -> tuple[dict[str, dict[str, Any]], list[_Said]]:
    table = read_json(path)
    try:
        videos = {video["video_id"]: video for video in table["videos"]}
        said = [
            _Said(each["video_id"], " ".join(each["caption"].split()))
            for each in table["sentences"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path.name} is not what MSR-VTT's annotations look like: expected videos with "
            f"video_id and sentences with video_id and caption ({error!r})"
        ) from error
    return videos, said


def _one_k_a(
    tree: Tree, parts: dict[str, str], said: list[_Said]
) -> tuple[dict[str, str], list[_Said]]:
    table = tree.require("MSRVTT_JSFUSION_test.csv", where_from=MSRVTT_FROM)
    asked = [
        _Said(row["video_id"], " ".join(row["sentence"].split()))
        for row in read_annotations(table, "video_id", "sentence")
    ]
    tested = {each.name for each in asked}
    chosen = tree.find("MSRVTT_train.9k.csv")
    names = [row["video_id"] for row in read_annotations(chosen, "video_id")] if chosen else parts
    train = [name for name in names if name not in tested]
    return (
        dict.fromkeys(train, "train") | dict.fromkeys(tested, "test"),
        [each for each in said if each.name not in tested] + asked,
    )


def _part(split: str) -> str:
    return "val" if split.startswith("val") else split


def _youtube_id(video: dict[str, Any]) -> str:
    return str(video.get("url", "")).rpartition("v=")[2]


def _msvd_text(path: Path) -> list[_Said]:
    lines = [line for line in read_lines(path) if not line.startswith("#")]
    return [
        _Said(name, " ".join(caption.split()))
        for name, _, caption in (line.partition(" ") for line in lines)
    ]


def _msvd_table(path: Path) -> list[_Said]:
    columns = ("VideoID", "Start", "End", "Language", "Description")
    return [
        _Said(f"{row['VideoID']}_{row['Start']}_{row['End']}", " ".join(row["Description"].split()))
        for row in read_annotations(path, *columns)
        if row["Language"] == "English"
    ]


def _msvd_parts(tree: Tree) -> dict[str, str]:
    lists = {part: tree.find(f"{part}_list.txt") for part in _MSVD_PARTS}
    parts = {
        name: part for part, path in lists.items() if path is not None for name in read_lines(path)
    }
    mapping = tree.find("youtube_mapping.txt")
    if parts or mapping is None:
        return parts
    numbers = [part for part, count in _MSVD_PARTS.items() for _ in range(count)]
    for line in read_lines(mapping):
        name, _, number = line.partition(" ")
        place = number.strip().removeprefix("vid")
        if not place.isdecimal() or not 1 <= int(place) <= len(numbers):
            raise InputError(f"{mapping.name}: expected a name and vid1 to vid1970, got {line!r}")
        parts[name] = numbers[int(place) - 1]
    return parts
