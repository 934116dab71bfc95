"""`cpd index add` may be stopped at any moment and in any way; the next run goes on from there."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cpd_model.testing import COLORS, tiny_bundle
from index.errors import LibraryNotFoundError
from index.library.library import Library
from tests.index.colored_videos import Scene, write_video

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUM_VIDEOS = 24
KILL_AFTER = (1, 6, NUM_VIDEOS)
"""Videos that each run adds until it is killed; with all of them in, it publishes its part. The
moments between two durable steps are those of `tests/faults`."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 videos of one to four segments, all different."""
    folder = tmp_path_factory.mktemp("videos")
    names = sorted(COLORS)
    for number in range(NUM_VIDEOS):
        first, second = names[number % 8], names[(number * 3 + number // 8 + 1) % 8]
        scenes = (Scene(first, 1 + number % 4), Scene(second, 1 + number // 4))
        write_video(folder / f"{number:02d}.mp4", *scenes)
    return folder


@contextmanager
def adding(videos: Path, library: Path, bundle: Path) -> Iterator[subprocess.Popen[str]]:
    """A real `cpd index add`, under way."""
    words = ["index", "add", videos, "--library", library, "--model", bundle, "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", "import cpd; cpd.main()", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_videos(library: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Return as soon as the library holds so many videos."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with Library.open(library) as opened:
                while process.poll() is None:
                    if len(opened.videos(limit=NUM_VIDEOS)) >= count:
                        return
                    time.sleep(0.001)
        except LibraryNotFoundError:
            time.sleep(0.002)
    assert process.poll() is not None, "the run makes no progress"


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(
    videos: Path, bundle: Path, tmp_path: Path
) -> None:
    """One library, killed again and again: what one run leaves, the next one meets."""
    library = tmp_path / "library"
    committed = 0
    for step in KILL_AFTER:
        count = min(committed + step, NUM_VIDEOS)
        with adding(videos, library, bundle) as process:
            wait_for_videos(library, count, process)
            children = descendants(process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert_gone(children)
        with Library.open(library) as opened:
            paths = [row.path for row in opened.videos(limit=1000)]
            assert opened.verify() == []
        assert len(paths) >= count
        assert max(Counter(paths).values(), default=1) == 1
        committed = len(paths)

    with adding(videos, library, bundle) as process:
        out, _ = process.communicate(timeout=240)

    assert process.returncode == 0
    assert f"0 added, 0 updated, {NUM_VIDEOS} unchanged, 0 failed" in out
    with Library.open(library) as opened:
        rows = opened.videos(limit=1000)
        assert sorted(Path(row.path).name for row in rows) == sorted(
            path.name for path in videos.iterdir()
        )
        assert opened.status().segments == sum(row.num_segments for row in rows)
        assert opened.status().tail_segments == 0
        assert opened.verify() == []


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long_faults)]
)
def test_a_run_that_is_stopped_says_how_to_go_on(
    videos: Path, bundle: Path, tmp_path: Path, number: signal.Signals
) -> None:
    library = tmp_path / "library"
    with adding(videos, library, bundle) as process:
        wait_for_videos(library, 2, process)
        children = descendants(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=240)

    assert process.returncode == 130
    assert out == ""
    (sentence,) = err.strip().splitlines()
    assert "run the same command again to go on" in sentence
    assert_gone(children)
    with Library.open(library) as opened:
        assert len(opened.videos(limit=1000)) >= 2
        assert opened.verify() == []
