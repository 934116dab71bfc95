"""Videos that several tests of `index` read."""

from pathlib import Path

import pytest

from tests.index.videos import Recipe, grey_frames, write_video


@pytest.fixture(scope="session")
def grey_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, ten frames a second; frame i is flat and has the grey value 8 + 8 i."""
    return write_video(tmp_path_factory.mktemp("grey") / "grey.mkv", grey_frames(20), Recipe())
