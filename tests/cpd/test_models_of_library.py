"""Several models of one library, from Python."""

from pathlib import Path

import pytest

import cpd
from cpd_model.testing import ColorEncoder
from tests.index.colored_videos import Scene, write_video

ENCODER = ColorEncoder()
OTHER = ColorEncoder(num_frames=2, name="other")


def test_a_second_model_is_built_and_answers_whoever_opens_the_library_after_the_switch(
    tmp_path: Path,
) -> None:
    write_video(tmp_path / "red.mp4", Scene("red", 4))
    write_video(tmp_path / "blue.mp4", Scene("blue", 4))
    with cpd.open(tmp_path / "library", model=ENCODER) as library:
        library.add(tmp_path / "red.mp4", num_workers=1)

        report = library.reembed(OTHER, num_workers=1)
        library.models.switch(report.model.number)

        assert (report.embedded, report.model.lacking) == (1, 0)
        assert [(model.name, model.answers) for model in library.models.list()] == [
            ("color", False),
            ("other", True),
        ]
        assert library.search("red")[0].score > 0.9
        with pytest.raises(cpd.IndexMismatchError, match="switched to other"):
            library.add(tmp_path / "blue.mp4", num_workers=1)
    with cpd.open(tmp_path / "library", model=OTHER) as library:
        assert library.search("red")[0].score > 0.9
        assert library.add(tmp_path / "blue.mp4", num_workers=1).added == 1
        assert [model.lacking for model in library.models.list()] == [1, 0]


def test_what_builds_a_model_is_not_among_what_is_done_with_models() -> None:
    public = {name for name in dir(cpd.Models) if not name.startswith("_")}

    assert public == {"list", "get", "switch", "drop"}
