"""A model that knows colours, and lists of videos of plain colours."""

import csv

import pytest

from cpd_model.testing import ColorEncoder
from tests.training.fakes import TextDecoder


@pytest.fixture
def encoder():
    return ColorEncoder()


@pytest.fixture
def decoder(encoder):
    return TextDecoder(encoder)


@pytest.fixture
def write_manifest(tmp_path):
    """Write one fake video for each name and segments, and a CSV with the given rows."""

    def write(videos, rows):
        for name, segments in videos.items():
            (tmp_path / name).write_text(segments)
        with (tmp_path / "clips.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "caption", "label"])
            writer.writerows(rows)
        return tmp_path / "clips.csv"

    return write


@pytest.fixture
def write_classes(tmp_path):
    def write(content):
        (tmp_path / "classes.txt").write_text(content)
        return tmp_path / "classes.txt"

    return write
