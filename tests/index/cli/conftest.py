"""A tiny model, two coloured videos and their library, and `cpd` as a person calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpd_model.testing import tiny_bundle
from tests.index.colored_videos import Ended, Scene, call_cpd, write_video

Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """red.mp4 (3 s), green.mp4 (9 s), broken.mp4, notes.txt"""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "red.mp4", Scene("red", 3))
    write_video(folder / "green.mp4", Scene("green", 5), Scene("blue", 4))
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "notes.txt").write_text("not a video either")
    return folder


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return lambda *words: call_cpd(capfd, words)


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, bundle: Path, videos: Path
) -> tuple[Path, Any]:
    """A library of the two good videos, and what `index add --json` said of it."""
    from index.decoding.pool import DecodePool
    from index.library.add import add_videos
    from index.library.opening import open_for_adding

    folder = tmp_path_factory.mktemp("library") / "lib"
    opened, encoder = open_for_adding(folder, model=str(bundle), device="cpu")
    with opened, DecodePool(num_workers=1) as pool:
        report = add_videos([videos / "red.mp4", videos / "green.mp4"], opened, encoder, pool)
    return folder, report.as_json()


@pytest.fixture
def lib(library: tuple[Path, Any]) -> Path:
    return library[0]
