"""Verifying while another process writes all the time: nothing is said that is not so."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.library.library import Library
from tests.index.libraries import make_library

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from itertools import count
from index.library.library import Library
from tests.index.libraries import put, unit_rows

with Library.open(sys.argv[1]) as library, library.lease() as writer:
    print("writing", flush=True)
    for turn in count():
        put(writer, f"/{turn % 7}.mp4", unit_rows(2 + turn % 5, seed=turn))
        if turn % 3 == 0:
            writer.remove_video(library.videos(limit=1, offset=2)[0].video_id)
        if turn % 2 == 0:
            writer.publish()
        if turn % 5 == 0:
            writer.compact(whole=True)
"""


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """A library that a process changes, publishes and merges as fast as it can."""
    make_library(tmp_path / "library", num_videos=7).close()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "library")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == "writing\n"
        yield tmp_path / "library"
        assert writer.poll() is None, "the writer ended by itself"
        writer.kill()


def test_no_alarm_is_raised_beside_a_writer(written: Path) -> None:
    with Library.open(written) as library:
        before = library.status().generation
        for _ in range(30):
            assert library.verify() == []

        assert library.status().generation > before
