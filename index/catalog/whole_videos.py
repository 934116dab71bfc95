"""All that a library knows of a video, as one value that another library can take in.

Segment ids, numbers of rows and generations stay behind: they are of one library. A model is told
by what its vectors mean, for each library counts its own.

Axes: S segments of one video, D dimensions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from index.catalog.embeddings import stored_vectors
from index.catalog.id_range import IdRange
from index.catalog.metadata import Source, documents_of
from index.catalog.reads import segments_between
from index.catalog.records import LibrarySettings
from index.catalog.tables import (
    CollectionRecord,
    CollectionVideoRecord,
    EmbeddingRecord,
    ModelRecord,
    RootRecord,
    VideoRecord,
)
from index.catalog.texts import VideoText, texts_of
from index.documents import Document
from index.file_version import FileVersion
from index.video.facts import FACT_NAMES, VideoFacts

_AT_ONCE = 100
"""Videos whose rows are read together; vectors and texts are read one video at a time."""


class Meaning(NamedTuple):
    """What tells whether vectors of two libraries may be compared, and are of like segments."""

    fingerprint: str
    embed_dim: int
    window_seconds: float
    hop_seconds: float


class SegmentVectors(NamedTuple):
    """The segments of a video and their vectors by one model."""

    ids_S: NDArray[np.int64]
    """Of the library that they were read from."""
    starts_S: NDArray[np.float64]
    """Seconds."""
    stops_S: NDArray[np.float64]
    """Seconds."""
    vectors_SD: NDArray[np.float16]
    """As they are stored, so of norm 1 to rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeVideo:
    """All that a library knows of one file, indexed or failed."""

    video_id: str
    file: FileVersion
    """As it was indexed, or as it was when it failed."""

    facts: VideoFacts | None
    """None where it failed."""

    reason: str | None
    """Why it failed."""

    stale_reason: str | None
    stale_since: float | None
    sidecar_stamp: str | None
    added_at: float
    updated_at: float
    documents: Mapping[Source, Document]
    transcript: list[VideoText]
    """Its other texts follow from the documents and the path."""

    collections: list[str]
    """Names, sorted."""

    vectors: Mapping[Meaning, SegmentVectors]
    """Of the models that were asked for and have any."""


class WholeVideos(NamedTuple):
    """Videos of a library as of one moment, with the names that they use."""

    num_videos: int
    roots: dict[str, Path]
    """All of the library's, by name."""
    collections: list[str]
    """All of the library's."""
    videos: Iterator[WholeVideo]
    is_all: bool
    """Whether they are all that the library holds."""


def meaning_of(settings: LibrarySettings) -> Meaning:
    """What the vectors of a library's model mean."""
    return Meaning(
        settings.fingerprint,
        settings.embed_dim,
        settings.window_seconds,
        settings.hop_seconds,
    )


def models_of(connection: Connection) -> dict[Meaning, LibrarySettings]:
    """The models of a library that have embedded all its videos once, oldest first."""
    query = select(ModelRecord.__table__).where(ModelRecord.state == "ready")
    found = [
        LibrarySettings(
            model=row.name,
            model_number=row.number,
            fingerprint=row.fingerprint,
            embed_dim=row.embed_dim,
            window_seconds=row.window_seconds,
            hop_seconds=row.hop_seconds,
        )
        for row in connection.execute(query.order_by(ModelRecord.number))
    ]
    return {meaning_of(settings): settings for settings in found}


def roots_of(connection: Connection) -> dict[str, Path]:
    """The folders of a library's roots, by name."""
    query = select(RootRecord.name, RootRecord.path).order_by(RootRecord.number)
    return {row.name: row.path for row in connection.execute(query)}


def names_of_collections(connection: Connection) -> list[str]:
    """The names of all collections, oldest first."""
    query = select(CollectionRecord.name).order_by(CollectionRecord.number)
    return list(connection.execute(query).scalars())


def numbers_of_all(connection: Connection) -> list[int]:
    """The numbers of all videos and failures, first seen first."""
    query = select(VideoRecord.number).order_by(VideoRecord.number)
    return list(connection.execute(query).scalars())


def read_whole(
    connection: Connection, numbers: Iterable[int], *, models: Iterable[LibrarySettings]
) -> Iterator[WholeVideo]:
    """The videos of these numbers, in their order; one whose row is gone is passed over.

    Raises:
        LibraryCorruptError: vectors are not what was written.
    """
    wanted, asked = list(models), list(numbers)
    for start in range(0, len(asked), _AT_ONCE):
        batch = asked[start : start + _AT_ONCE]
        query = select(VideoRecord.__table__).where(VideoRecord.number.in_(batch))
        rows = {row.number: row for row in connection.execute(query)}
        documents = documents_of(connection, list(rows))
        for number in batch:
            if number in rows:
                said = documents.get(number, {})
                yield _whole(connection, rows[number], documents=said, models=wanted)


def collections_of(connection: Connection, number: int) -> list[str]:
    """The names of the collections that a video is in, sorted."""
    query = (
        select(CollectionRecord.name)
        .join(CollectionVideoRecord)
        .where(CollectionVideoRecord.video_number == number)
    )
    return sorted(connection.execute(query).scalars())


def transcript_of(connection: Connection, number: int) -> list[VideoText]:
    """What is said in a video, by time."""
    return [text for text in texts_of(connection, number) if text.kind == "transcript"]


def models_with(
    connection: Connection, number: int, models: Mapping[Meaning, LibrarySettings]
) -> set[Meaning]:
    """Of some models those that have vectors of a video."""
    query = select(EmbeddingRecord.first_segment_id).where(EmbeddingRecord.video_number == number)
    firsts = list(connection.execute(query).scalars())
    return {
        meaning
        for meaning, settings in models.items()
        if any(_lies_in(settings.segment_ids, first) for first in firsts)
    }


def _whole(
    connection: Connection,
    row: "Row[Any]",
    *,
    documents: Mapping[Source, Document],
    models: list[LibrarySettings],
) -> WholeVideo:
    is_indexed = row.state == "indexed"
    facts = VideoFacts(**{name: getattr(row, name) for name in FACT_NAMES}) if is_indexed else None
    return WholeVideo(
        video_id=row.video_id,
        file=FileVersion(
            path=row.path,
            size_bytes=row.size_bytes,
            mtime_ns=row.mtime_ns,
            content_hash=row.content_hash,
        ),
        facts=facts,
        reason=row.reason,
        stale_reason=row.stale_reason,
        stale_since=row.stale_since,
        sidecar_stamp=row.sidecar_stamp,
        added_at=row.added_at,
        updated_at=row.updated_at,
        documents=documents,
        transcript=transcript_of(connection, row.number),
        collections=collections_of(connection, row.number),
        vectors=dict(_vectors(connection, row.number, models)),
    )


def _vectors(
    connection: Connection, number: int, models: list[LibrarySettings]
) -> Iterator[tuple[Meaning, SegmentVectors]]:
    query = select(EmbeddingRecord.__table__).where(EmbeddingRecord.video_number == number)
    for row in connection.execute(query):
        for settings in models:
            if not _lies_in(settings.segment_ids, row.first_segment_id):
                continue
            vectors_SD = stored_vectors(row, settings.embed_dim).vectors_SD
            last_id = row.first_segment_id + len(vectors_SD) - 1
            segments = segments_between(connection, row.first_segment_id, last_id)
            yield (
                meaning_of(settings),
                SegmentVectors(
                    segments.ids_N,
                    segments.starts_N,
                    segments.stops_N,
                    vectors_SD[segments.ids_N - row.first_segment_id],
                ),
            )


def _lies_in(ids: IdRange, segment_id: int) -> bool:
    return ids.first <= segment_id <= ids.last
