"""How times and paths are shown to people."""

from pathlib import Path

import pytest

from index.cli.printing import clock_time, short_path, time_range


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00:00"), (64.9, "00:01:04"), (360_000, "100:00:00")]
)
def test_times_are_clock_times(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


def test_a_range_covers_its_part_seconds() -> None:
    assert time_range(1.5, 3.2) == "00:00:01-00:00:04"


def test_paths_below_the_working_directory_are_shown_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert short_path(tmp_path / "clips/a.mp4") == "clips/a.mp4"
    assert short_path("/elsewhere/a.mp4") == "/elsewhere/a.mp4"
