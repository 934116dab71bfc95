"""Exports for FiftyOne and Embedding Atlas have what these read."""

import json
from pathlib import Path

import pytest

from index.exchange.exporting import export_library
from index.library.library import Library
from tests.index.exchange.rich import put_rich
from tests.index.libraries import SETTINGS, unit_rows


@pytest.fixture
def library(tmp_path: Path) -> Library:
    with Library.create(tmp_path / "lib", SETTINGS) as library, library.writer() as writer:
        put_rich(writer, "/a/0.mp4", 0)
        put_rich(writer, "/a/1.mp4", 1)
    return Library.open(tmp_path / "lib")


def test_fiftyone_finds_videos_and_temporal_detections(library: Library, tmp_path: Path) -> None:
    with library:
        report = export_library(library, tmp_path / "out", format="fiftyone")
        ids = {str(video.path): video.video_id for video in library.videos(limit=None)}

    data = json.loads((report.path / "data.json").read_text())
    labels = json.loads((report.path / "labels.json").read_text())
    assert data == {video_id: path for path, video_id in ids.items()}
    assert labels["classes"] is None
    detections = labels["labels"][ids["/a/0.mp4"]]
    assert [each["timestamps"] for each in detections] == [[0, 4], [2, 6], [4, 8]]
    assert detections[1]["attributes"]["embedding"] == pytest.approx(
        unit_rows(3, seed=0)[1].tolist(), abs=1e-3
    )


def test_embedding_atlas_finds_texts_and_vectors(library: Library, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    with library:
        report = export_library(library, tmp_path / "a.parquet", format="embedding-atlas")

    table = parquet.read_table(report.path)
    assert table["text"].to_pylist()[:2] == [
        "Title 0\na caption 0\nwords 0",  # said from second 1 to 2
        "Title 0\na caption 0",
    ]
    assert table["start_seconds"].to_pylist() == [0, 2, 4] * 2
    assert table["vector"].to_pylist()[4] == pytest.approx(
        unit_rows(3, seed=1)[1].tolist(), abs=1e-3
    )
