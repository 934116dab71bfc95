"""A library for Embedding Atlas: a parquet file of one point a segment.

    embedding-atlas atlas.parquet --text text --vector vector

Embedding Atlas draws the points where UMAP puts their vectors, and shows, searches and filters by
the other columns; places that were computed before (`--x`, `--y`) are optional and not written.

Source: https://github.com/apple/embedding-atlas, packages/backend/embedding_atlas/cli.py;
apple.github.io/embedding-atlas/tool.html.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from index.catalog.metadata import merged_document
from index.catalog.records import LibrarySettings
from index.catalog.texts import words_of_name
from index.catalog.whole_videos import WholeVideo, WholeVideos, meaning_of
from index.exchange.parquet_table import ROWS_AT_ONCE, load_pyarrow, readable, segment_uuid


def write_embedding_atlas(whole: WholeVideos, settings: LibrarySettings, to: Path) -> None:
    """Write the segments of videos as points with a text, a vector, and what tells where they are.

    Raises:
        InputError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    arrow, parquet = load_pyarrow("exporting to Embedding Atlas")
    text, seconds = arrow.string(), arrow.float64()
    schema = arrow.schema(
        {
            "id": text,
            "text": text,
            "vector": arrow.list_(arrow.float32()),
            "video": text,
            "path": text,
            "start_seconds": seconds,
            "stop_seconds": seconds,
            "duration_seconds": seconds,
            "collections": text,
        }
    )
    with parquet.ParquetWriter(to, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for video in whole.videos:
            for row in _points(video, settings):
                rows.append(row)
                if len(rows) >= ROWS_AT_ONCE:
                    writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                    rows = []
        writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _points(video: WholeVideo, settings: LibrarySettings) -> Iterator[dict[str, Any]]:
    assert video.facts is not None
    vectors = video.vectors[meaning_of(settings)]
    document = merged_document(video.documents)
    about = [str(document[key]) for key in ("title", "caption") if document.get(key)]
    times = zip(vectors.starts_S.tolist(), vectors.stops_S.tolist(), strict=True)
    for i, (start, stop) in enumerate(times):
        said = [
            text.body
            for text in video.transcript
            if (text.start_seconds or 0) < stop and (text.stop_seconds or 0) > start
        ]
        yield {
            "id": segment_uuid(video.video_id, start, stop),
            "text": "\n".join([*about, *said]) or words_of_name(video.file.path),
            "vector": vectors.vectors_SD[i].astype(np.float32),
            "video": video.video_id,
            "path": readable(video.file.path),
            "start_seconds": start,
            "stop_seconds": stop,
            "duration_seconds": video.facts.duration_seconds,
            "collections": ", ".join(video.collections),
        }
