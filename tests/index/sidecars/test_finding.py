"""Which files belong to a video is told by their names."""

import os
from pathlib import Path

import pytest

from index.sidecars.finding import SidecarFinder, stamp_of


def names_beside(folder: Path, video: str, *others: str) -> list[tuple[str, str]]:
    for name in (video, *others):
        (folder / name).touch()
    found = SidecarFinder().beside(folder / video)
    return [(each.kind, each.file.path.name) for each in found]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("clip.json", "json"),
        ("clip.mp4.json", "json"),
        ("clip.info.json", "info"),
        ("clip.mp4.info.json", "info"),
        ("clip.txt", "text"),
        ("clip.TXT", "text"),
        ("clip.srt", "subtitles"),
        ("clip.en.srt", "subtitles"),
        ("clip.pt-BR.vtt", "subtitles"),
        ("clip.mp4.zh-Hans.vtt", "subtitles"),
    ],
)
def test_a_sidecar_is_known_by_its_name(tmp_path: Path, name: str, kind: str) -> None:
    assert names_beside(tmp_path, "clip.mp4", name) == [(kind, name)]


@pytest.mark.parametrize(
    "name",
    [
        "clip2.json",
        "other.txt",
        "clip.jpg",
        "clip.notes.txt",
        "clip.en.json",
        "clip.commentary.srt",
    ],
)
def test_another_name_is_none(tmp_path: Path, name: str) -> None:
    assert names_beside(tmp_path, "clip.mp4", name) == []


def test_the_longer_name_has_it(tmp_path: Path) -> None:
    """A video `clip.en.mp4` is no translation of `clip.mp4`."""
    found = names_beside(tmp_path, "clip.mp4", "clip.en.mp4", "clip.en.srt")

    assert found == []
    assert names_beside(tmp_path, "clip.en.mp4") == [("subtitles", "clip.en.srt")]


def test_two_videos_of_one_name_share_it(tmp_path: Path) -> None:
    names_beside(tmp_path, "clip.mp4", "clip.mov", "clip.txt")

    assert names_beside(tmp_path, "clip.mov") == names_beside(tmp_path, "clip.mp4")


def test_only_regular_files_are_taken(tmp_path: Path) -> None:
    (tmp_path / "clip.json").mkdir()
    os.mkfifo(tmp_path / "clip.txt")
    (tmp_path / "clip.srt").symlink_to(tmp_path / "gone")

    assert names_beside(tmp_path, "clip.mp4") == []


def test_a_folder_that_cannot_be_listed_has_none(tmp_path: Path) -> None:
    assert SidecarFinder().beside(tmp_path / "gone" / "clip.mp4") == []


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    video, sidecar = (os.fsdecode(b"caf\xe9" + end) for end in (b".mp4", b".txt"))

    assert names_beside(tmp_path, video, sidecar) == [("text", sidecar)]
    assert stamp_of(SidecarFinder().beside(tmp_path / video)) is not None


def test_the_stamp_tells_what_changed(tmp_path: Path) -> None:
    def stamp() -> str | None:
        return stamp_of(SidecarFinder().beside(tmp_path / "clip.mp4"))

    (tmp_path / "clip.mp4").touch()
    stamps = [stamp()]
    (tmp_path / "clip.txt").write_text("one")
    stamps.append(stamp())
    (tmp_path / "clip.txt").write_text("three")
    stamps.append(stamp())
    os.utime(tmp_path / "clip.txt", (5, 5))
    stamps.append(stamp())
    (tmp_path / "clip.txt").rename(tmp_path / "clip.mp4.txt")
    stamps.append(stamp())

    assert stamps[0] is None
    assert len(set(stamps)) == len(stamps)
    assert stamp() == stamps[-1]
