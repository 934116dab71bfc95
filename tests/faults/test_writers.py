"""Several processes write to one library at once, and the clock goes back meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index.library.library import Library
from tests.faults.children import Children, Job
from tests.faults.operations import FULL, agree, answer, found, held, put_seed
from tests.faults.together import state_after

YEAR = 365 * 86_400.0


def check_two_writers(children: Children, folder: Path, seeds: tuple[int, int]) -> None:
    jobs = [Job("together:change", {"folder": str(folder), "writer_seed": seed}) for seed in seeds]

    ends = children.run(*jobs, Job("together:publish_often", {"folder": str(folder), "times": 6}))

    assert [end.code for end in ends] == [0, 0, 0], ends
    with Library.open(folder) as library:
        state = held(library)
        assert state == FULL | state_after(seeds[0]) | state_after(seeds[1])
        assert agree(found(library, 0), answer(state, 0))
        assert library.verify() == []


def test_two_writers_and_one_that_publishes_lose_nothing(
    children: Children, prepared: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    check_two_writers(children, prepared("add", tmp_path / "library"), (1, 2))


@pytest.mark.long_faults
@pytest.mark.parametrize("seed", range(3, 43, 2))
def test_two_writers_lose_nothing_whatever_they_write(
    seed: int, children: Children, prepared: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    check_two_writers(children, prepared("add", tmp_path / "library"), (seed, seed + 1))


def test_a_clock_that_goes_back_changes_no_order(
    prepared: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a dead battery: generations count, nothing is sorted or compared by the hour."""
    folder = prepared("add", tmp_path / "library")
    real_time = time.time
    with Library.open(folder) as reader, reader.writer() as writer:
        before = reader.status().generation
        first = put_seed(writer, "/5.mp4", 5)
        writer.mark_stale(first, reason="it is locked")
        monkeypatch.setattr(time, "time", lambda: real_time() - YEAR)
        put_seed(writer, "/6.mp4", 6)
        second = put_seed(writer, "/0.mp4", 7)
        writer.mark_stale(second, reason="it is locked")
        writer.publish()
        put_seed(writer, "/5.mp4", 8)

        state = FULL | {"/5.mp4": 8, "/6.mp4": 6, "/0.mp4": 7}
        assert reader.status().generation == before + 6
        assert [video.video_id for video in reader.stale_videos()] == [second]
        listed = [str(row.path) for row in reader.videos(limit=10)]
        assert (listed[0], listed[-2:]) == ("/0.mp4", ["/5.mp4", "/6.mp4"])
        assert agree(found(reader, 0), answer(state, 0))
        assert reader.verify() == []
