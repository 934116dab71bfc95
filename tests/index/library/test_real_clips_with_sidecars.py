"""Real clips with files beside them, through real decoders: what is said is found."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.catalog.texts import search_texts
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.add_report import AddReport
from index.library.library import Library
from tests.index.library.adding import ENCODER, make_color_library

CLIPS = {
    "fight.mp4": "fight_surv/fight/fi037.mp4",
    "bird.mkv": "asl_gestures/bird.mkv",
    "traffic.avi": "ucf101/Punch/v_Punch_g10_c03.avi",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(num_workers=1) as pool:
        yield pool


@pytest.fixture
def folder(tmp_path: Path, shared_data: Path) -> Path:
    """fight.mp4, which tells its date itself; bird.mkv with yt-dlp's files; a plain traffic.avi."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name, clip in CLIPS.items():
        shutil.copyfile(shared_data / clip, folder / name)
    info = {"title": "BIRD in sign language", "upload_date": "20190102", "tags": ["asl"]}
    (folder / "bird.info.json").write_text(json.dumps(info))
    (folder / "bird.en.vtt").write_text(
        "WEBVTT\n\n00:00.500 --> 00:01.500\n<c>This</c> is how to sign &quot;bird&quot;\n"
    )
    (folder / "fight.txt").write_bytes("Zwei M\u00e4nner k\u00e4mpfen".encode("cp1252"))
    (folder / "traffic.json").write_text("[]")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with make_color_library(tmp_path / "library") as library:
        yield library


def add(library: Library, folder: Path, pool: DecodePool) -> AddReport:
    return add_videos([folder], library, ENCODER, pool)


def found(library: Library, words: str) -> list[tuple[str, float | None]]:
    names = {row.video_id: row.path.name for row in library.videos(limit=9)}
    with library._catalog.read_transaction() as connection:
        rows = search_texts(connection, words, limit=9)
        query = "SELECT number, video_id FROM videos"
        ids = dict(tuple(row) for row in connection.exec_driver_sql(query))
    return [(names[ids[row.video_number]], row.start_seconds) for row in rows]


def test_what_is_said_of_real_clips_is_told_and_found(
    library: Library, folder: Path, pool: DecodePool
) -> None:
    report = add(library, folder, pool)

    assert (report.added, report.failed, report.ignored) == (3, 0, 0)
    assert [(w.path.name, w.reason) for w in report.warnings] == [
        ("traffic.json", "it must hold a JSON object, {...}, and holds a list")
    ]
    fight, bird = folder / "fight.mp4", folder / "bird.mkv"
    assert library.metadata.get(fight).merged == {
        "date": "2019-03-12T15:20:18.000000Z",
        "caption": "Zwei M\u00e4nner k\u00e4mpfen",
    }
    assert library.metadata.get(bird).sidecar == {
        "title": "BIRD in sign language",
        "date": "2019-01-02",
        "tags": ["asl"],
    }
    assert found(library, "kampfen") == [("fight.mp4", None)]
    assert ("bird.mkv", 0.5) in found(library, 'sign "bird"')
    assert found(library, "traffic") == [("traffic.avi", None)]
    assert library.verify() == []


def test_files_beside_real_clips_are_followed(
    library: Library, folder: Path, pool: DecodePool
) -> None:
    add(library, folder, pool)
    (folder / "traffic.json").write_text('{"place": "a crossing"}')
    (folder / "bird.en.vtt").unlink()
    (folder / "fight.mp4").rename(folder / "moved.mp4")
    (folder / "fight.txt").rename(folder / "moved.txt")

    report = add(library, folder, pool)

    assert (report.added, report.updated, report.unchanged, report.warnings) == (0, 3, 0, [])
    assert library.metadata.get(folder / "traffic.avi").merged == {"place": "a crossing"}
    assert found(library, "how") == []
    assert set(found(library, "kampfen moved")) == {("moved.mp4", None)}
