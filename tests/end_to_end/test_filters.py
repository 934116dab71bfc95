"""Real clips under real names: a filter finds those of which it is true, from a shell too."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index import DecodePool, Library, LibrarySettings, add_videos, parse_filter
from index.catalog.records import VideoRow
from tests.index.colored_videos import Scene, call_cpd, write_video

ENCODER = ColorEncoder()
FOLDERS = ("asl_gestures", "intel_previews_gif", "misc")
SETTINGS = LibrarySettings(
    model=ENCODER.name,
    fingerprint=ENCODER.fingerprint,
    embed_dim=ENCODER.embed_dim,
    window_seconds=4.0,
    hop_seconds=2.0,
)
CASES: dict[str, Callable[[VideoRow], bool]] = {
    "folder:asl_gestures": lambda v: v.path.parent.name == "asl_gestures",
    "folder:data and not folder:ASL_Gestures": lambda v: v.path.parent.name != "asl_gestures",
    "name:detection or name=bird.mkv": lambda v: (
        "detection" in v.path.name or v.path.stem == "bird"
    ),
    "duration<3": lambda v: v.duration_seconds < 3,
    "duration>=3s and width>=320": lambda v: v.duration_seconds >= 3 and v.width >= 320,
    "codec:gif": lambda v: v.codec == "gif",
    "container in (matroska, gif)": lambda v: v.container in ("matroska", "gif"),
    "size<200kB and not audio:true": lambda v: v.size_bytes < 200_000 and not v.has_audio,
    "segments=1": lambda v: v.num_segments == 1,
    "fps>20 and fps<=30": lambda v: 20 < v.fps <= 30,
    "height in (240, 480) or rotation!=0": lambda v: (
        v.height in (240, 480) or v.rotation_degrees != 0
    ),
    "date>2000 and added>=2024-01-01T00:00Z": lambda v: True,
    "added<2000 or has:transcript or stale:true": lambda v: False,
}


@pytest.fixture(scope="module")
def library(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Some thirty clips of three folders."""
    folder = tmp_path_factory.mktemp("library")
    with Library.create(folder, SETTINGS) as library:
        with DecodePool(num_workers=2) as pool:
            paths = [shared_data / name for name in FOLDERS]
            report = add_videos(paths, library, lambda: ENCODER, pool)
        assert report.added >= 15
        yield library


@pytest.mark.slow
@pytest.mark.parametrize("text", CASES)
def test_a_filter_finds_the_clips_of_which_it_is_true(library: Library, text: str) -> None:
    found = library.videos(limit=None, where=parse_filter(text))

    assert found == [video for video in library.each_video() if CASES[text](video)]


@pytest.mark.slow
def test_a_shell_lists_them(library: Library, capfd: pytest.CaptureFixture[str]) -> None:
    asked = ("--where", "folder:asl_gestures and duration<3", "--json")

    told = json.loads(call_cpd(capfd, ("index", "list", "--library", library.folder, *asked)).out)

    assert {video["duration_seconds"] < 3 for video in told["videos"]} == {True}
    assert {Path(video["path"]).parent.name for video in told["videos"]} == {"asl_gestures"}
    assert told["total"] == len(told["videos"]) >= 1


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Library]:
    """A library of two clips, of which one has a file beside it that tells of it."""
    clips = tmp_path / "Caf\u00e9 holiday"
    clips.mkdir()
    for name in ("surf.mp4", "plain.mp4"):
        write_video(clips / name, Scene("red", 2))
    (clips / "surf.json").write_text(
        json.dumps(
            {
                "title": "Big Waves",
                "date": "2019-07-04T10:00:00+02:00",
                "place": "Peniche",
                "camera": "GoPro",
                "rating": 4.5,
                "tags": ["surf", "Night Ride"],
                "gps": {"lat": 39.36, "fixed": True},
                "shot": "2019-07",
            }
        )
    )
    with Library.create(tmp_path / "library", SETTINGS) as library:
        with DecodePool(num_workers=1) as pool:
            assert add_videos([clips], library, lambda: ENCODER, pool).added == 2
        yield library


@pytest.mark.parametrize(
    "text",
    [
        'folder:"cafe\u0301 HOLIDAY" and name:surf',
        "title:waves",
        "date=2019-07-04 and date>=2019-07-04T08:00 and date<2019-07-04T12:00+02:00",
        "date=2019-07-04T08:00 and has:date",
        "place=peniche",
        "meta.camera=gopro and meta.camera~pro and has:meta.camera",
        "meta.rating>4 and meta.rating=4.5",
        'meta.tags="night ride" and meta.tags:SURF',
        "meta.gps.lat<40 and has:meta.gps and meta.gps.fixed:true",
        "meta.shot=2019 or meta.shot=2019-07",
        "meta.shot>2019-06 and meta.shot<2019-08",
    ],
)
def test_a_filter_asks_for_what_a_file_beside_the_video_says(told: Library, text: str) -> None:
    every = {"surf.mp4", "plain.mp4"}

    found = {video.path.name for video in told.videos(limit=None, where=parse_filter(text))}
    others = told.videos(limit=None, where=parse_filter(f"not ({text})"))

    assert found == {"surf.mp4"}
    assert {video.path.name for video in others} == every - found
