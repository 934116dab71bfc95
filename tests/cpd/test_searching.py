"""Questions in words, by likeness, in mixtures and in lists, to a library that brings its model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cpd
from cpd_model.testing import ColorEncoder
from tests.index.colored_videos import Scene, write_video

ENCODER = ColorEncoder()
PLAIN = "not name:mixed"
"""All but the video of two colours."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for color in ("blue", "green", "red"):
        write_video(folder / f"{color}.mp4", Scene(color, 4))
    write_video(folder / "mixed.mp4", Scene("red", 6), Scene("blue", 6))
    return folder


@pytest.fixture(scope="module")
def library(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[cpd.Library]:
    with cpd.open(tmp_path_factory.mktemp("library"), model=ENCODER) as library:
        library.add(videos, num_workers=1)
        yield library


def names(hits: cpd.Hits) -> list[str]:
    return [hit.path.stem for hit in hits]


def test_a_mixture_wants_one_thing_and_not_another(library: cpd.Library) -> None:
    best = library.search("red:1, -blue:0.9", limit=1, where=PLAIN)
    both = library.search("red:1, blue:1", limit=1, where=PLAIN)

    assert names(best) == ["red"]
    assert best[0].score > both[0].score


def test_a_list_of_texts_gives_an_answer_for_each(library: cpd.Library) -> None:
    found = library.search(["red", "green:1, -blue:0.2"], limit=1, where=PLAIN)

    assert [hit.path.stem for hits in found for hit in hits] == ["red", "green"]
    assert found[0] == library.search("red", limit=1, where=PLAIN)


def test_like_a_stored_video_by_path_and_by_id(library: cpd.Library, videos: Path) -> None:
    ids = {video.path.stem: video.video_id for video in library}

    by_path = library.search(like=videos / "green.mp4", limit=1)
    by_id = library.search(like=ids["green"], limit=1)

    assert names(by_path) == ["green"]
    assert by_path == by_id


def test_like_a_stored_segment(library: cpd.Library) -> None:
    blue = library.search("blue", where="name:mixed.mp4", limit=1, merge=False)[0]

    found = library.search(like=f"segment:{blue.segment_id}", limit=1, merge=False)

    assert found[0].segment_id == blue.segment_id or found[0].path.stem == "blue"
    assert found[0].score == pytest.approx(1, abs=1e-3)


def test_like_a_file_that_the_library_does_not_hold(library: cpd.Library, tmp_path: Path) -> None:
    write_video(tmp_path / "other.mp4", Scene("green", 3))
    Image.fromarray(np.full((48, 64, 3), (255, 0, 0), dtype=np.uint8)).save(tmp_path / "red.png")

    assert names(library.search(like=tmp_path / "other.mp4", limit=1)) == ["green"]
    assert names(library.search(like=str(tmp_path / "red.png"), limit=1, where="name:red.mp4")) == [
        "red"
    ]
    assert library.search(like=tmp_path / "red.png", limit=1)[0].score > 0.9


def test_unlike_weighs_half(library: cpd.Library, videos: Path) -> None:
    red = library.search(like=videos / "red.mp4", limit=1)[0].score
    unlike = library.search(like=videos / "red.mp4", not_like=[videos / "blue.mp4"], limit=1)
    alone = library.search(not_like=videos / "red.mp4", per_video=1)

    assert names(unlike)[0] in ("red", "mixed")
    assert unlike[0].score == pytest.approx(1 / np.sqrt(1.25), abs=0.1)
    assert red == pytest.approx(1, abs=0.01)
    assert names(alone)[-1] in ("red", "mixed")


def test_a_text_and_a_picture_together(library: cpd.Library, videos: Path) -> None:
    found = library.search("red", like=videos / "blue.mp4", per_video=1)

    assert names(found)[0] == "mixed" or {"red", "blue"} <= set(names(found)[:3])


def test_pages_and_filters_from_python(library: cpd.Library) -> None:
    first = library.search("red", limit=2)

    second = library.search("red", limit=2, cursor=first.cursor)

    assert [*first, *second] == library.search("red", limit=4)
    assert names(library.search("red", where="name:green.mp4")) == ["green"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "nothing is asked for"),
        ({"like": "nowhere.mp4"}, "'nowhere.mp4' is neither a video of the library nor a file"),
        ({"like": "f" * 32}, "no video ffff"),
        ({"like": "segment:999999"}, "no segment 999999 in this library"),
        ({"like": ""}, "like is an empty path"),
        ({"query": "dog:1, snow"}, "'snow' has no weight"),
        ({"query": "red:1, ' ':1, -:1"}, "has a weight and no words"),
        ({"query": "red", "where": "nonsense"}, "filter"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    library: cpd.Library, options: dict[str, str], said: str
) -> None:
    with pytest.raises(cpd.InputError) as failed:
        library.search(**options)  # type: ignore[call-overload]  # as a person may

    assert said in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"query": np.ones(4), "fingerprint": "c0", "like": "a.mp4"},
            "leave like and not_like out",
        ),
        ({"like": 3}, "like is a path or an id, or a list, got int"),
        ({"not_like": [3]}, "not_like is a path or an id, or a list, got int"),
        ({"query": ["red", 3]}, "query is a list of texts, got int"),
        ({"query": ["red"], "fingerprint": "c0"}, "leave fingerprint out"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_sentence(
    library: cpd.Library, options: dict[str, object], said: str
) -> None:
    with pytest.raises(TypeError) as failed:
        library.search(**options)  # type: ignore[call-overload]  # as a person may

    assert said in str(failed.value)
