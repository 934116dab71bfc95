"""What `make demo` relies on; the demonstration itself is run by .ci/run."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import demo

sides = st.integers(20, 4000)


@given(width=sides, height=sides, progress=st.floats(0, 1))
def test_the_camera_stays_on_the_photograph(width: int, height: int, progress: float) -> None:
    """And what it sees has the shape of the film, so nothing is stretched."""
    seen = demo.camera_box((width, height), progress)

    assert 0 <= seen.left < seen.right <= width
    assert 0 <= seen.top < seen.bottom <= height
    aspect = (seen.right - seen.left) / (seen.bottom - seen.top)
    assert aspect == pytest.approx(demo.SIZE[0] / demo.SIZE[1])


def test_a_taken_port_is_told_and_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((demo.HOST, 0))
        taken.listen()
        wanted = taken.getsockname()[1]

        port = demo.free_port(wanted)

    assert port > wanted
    assert f"Port {wanted} is taken" in capsys.readouterr().out


def test_films_are_made_once(tmp_path: Path) -> None:
    """A second run changes no file, so indexing has nothing to do."""
    films = {"coins": ("coins.png",)}
    folder = demo.make_videos(tmp_path / "videos", films)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    demo.make_videos(folder, films)

    assert set(before) == {"coins.mp4", *demo.SAMPLES}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
