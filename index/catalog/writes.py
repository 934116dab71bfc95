"""Every change of the catalog, each one function of an open write transaction.

Axes: S segments of one video, D dimensions.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from cpd_model.encoder import Vectors
from index.catalog.connection import WriteTransaction
from index.catalog.embeddings import bury_all, copy_vectors, put_vectors
from index.catalog.metadata import Said, forget_said, put_said, refresh
from index.catalog.reads import fold_path, number_of
from index.catalog.records import LibrarySettings
from index.catalog.roots import innermost_root
from index.catalog.tables import (
    EpochRecord,
    LibraryRecord,
    ModelRecord,
    VideoRecord,
)
from index.catalog.texts import put_name
from index.file_version import FileVersion
from index.video.facts import FACT_NAMES, VideoFacts

if TYPE_CHECKING:
    from index.segments import Segment

_NOT_STALE = {"stale_reason": None, "stale_since": None}


def insert_library(connection: Connection, settings: LibrarySettings) -> None:
    """Make the row that turns a file of empty tables into a library at generation 0."""
    epoch = uuid.uuid4().hex
    insert_model(connection, settings, state="ready")
    connection.execute(
        insert(LibraryRecord).values(
            id=1,
            created_at=time.time(),
            library_id=uuid.uuid4().hex,
            generation=0,
            epoch=epoch,
            model_number=settings.model_number,
        )
    )
    connection.execute(insert(EpochRecord), {"generation": 0, "epoch": epoch})


def insert_model(
    connection: Connection, settings: LibrarySettings, *, state: Literal["building", "ready"]
) -> None:
    """List a model, which has no vectors yet, under the number that the settings say."""
    connection.execute(
        insert(ModelRecord).values(
            number=settings.model_number,
            name=settings.model,
            fingerprint=settings.fingerprint,
            embed_dim=settings.embed_dim,
            window_seconds=settings.window_seconds,
            hop_seconds=settings.hop_seconds,
            state=state,
            created_at=time.time(),
            last_segment_id=settings.segment_ids.first - 1,
        )
    )


def put_indexed(
    transaction: WriteTransaction,
    file: FileVersion,
    *,
    facts: VideoFacts,
    segments: "Sequence[Segment]",
    embeddings_SD: Vectors,
    model_number: int,
    said: Said | None = None,
) -> str:
    """Insert a video, or replace all that is known of the file at this path; its id.

    What other models had of it goes: they have not seen these bytes. What a person said of it
    stays.

    Args:
        said: what the file and those beside it say; None leaves what is known of that.
    """
    number, video_id = _put_file(transaction, file, facts=facts, said=said)
    put_vectors(
        transaction,
        number,
        segments=segments,
        embeddings_SD=embeddings_SD,
        model_number=model_number,
    )
    return video_id


def put_copy(
    transaction: WriteTransaction,
    file: FileVersion,
    *,
    source: int,
    facts: VideoFacts,
    said: Said | None = None,
) -> int:
    """Insert a video that holds the same bytes as another, with what all models have of that one.

    Args:
        source: the number of the other one.
        said: what the file and those beside it say; None leaves what is known of that.

    Returns:
        The number of the new one.

    Raises:
        LibraryCorruptError: the vectors of the other one are not what was written.
    """
    number, _ = _put_file(transaction, file, facts=facts, said=said)
    copy_vectors(transaction, source, number)
    return number


def _put_file(
    transaction: WriteTransaction, file: FileVersion, *, facts: VideoFacts, said: Said | None
) -> tuple[int, str]:
    """Insert an indexed video without vectors, or make the one at this path such; number and id."""
    values = {
        **{name: getattr(facts, name) for name in FACT_NAMES},
        "state": "indexed",
        "reason": None,
        **_NOT_STALE,
    }
    number, video_id = _upsert(transaction, file, values)
    put_name(transaction.connection, number, file.path)
    if said is not None:
        put_said(transaction.connection, number, said)
    else:
        refresh(transaction.connection, [number])
    return number, video_id


def put_failed(transaction: WriteTransaction, file: FileVersion, *, reason: str) -> str:
    """Record why the file at this path cannot be indexed, and remove what it was before."""
    no_facts = dict.fromkeys(FACT_NAMES)
    values = {
        **no_facts,
        "state": "failed",
        "reason": reason,
        **_NOT_STALE,
    }
    number, video_id = _upsert(transaction, file, values)
    forget_said(transaction.connection, number)
    return video_id


def move_all(
    transaction: WriteTransaction,
    files: Mapping[str, FileVersion],
    *,
    said: Mapping[str, Said] | None = None,
) -> set[str]:
    """Give videos other paths at once; whatever else the catalog knew there is removed: it is gone.

    Args:
        files: by video_id; each path once. A video that is not there, or has another content hash
            than its file where that has one, is passed over.
        said: what the files and those beside them say, by video_id.

    Returns:
        The ids of those that were moved.
    """
    connection = transaction.connection
    numbers = {
        video_id: number
        for video_id, file in files.items()
        if (number := _number_with(connection, video_id, file.content_hash)) is not None
    }
    # First out of each other's way: no two rows may have one path, not even between two statements.
    for number in numbers.values():
        _update_video(transaction, number, path=Path(f"moving/{number}"))  # files' are absolute
    for video_id, number in numbers.items():
        file = files[video_id]
        occupant = connection.execute(
            select(VideoRecord.number).where(VideoRecord.path == file.path)
        ).scalar()
        if occupant is not None:
            _delete_video(transaction, occupant)
        _update_video(
            transaction,
            number,
            path=file.path,
            path_folded=fold_path(file.path),
            root_number=innermost_root(connection, file.path),
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            **_NOT_STALE,
        )
        put_name(connection, number, file.path)
    for video_id, number in numbers.items():
        if said is not None and video_id in said:
            put_said(connection, number, said[video_id])
    refresh(connection, list(numbers.values()))  # whose dates may hang on their files'
    return set(numbers)


def mark_stale(transaction: WriteTransaction, video_id: str, *, reason: str) -> None:
    """Note why the newest bytes of an indexed file cannot be read, and when that was first seen.

    Raises:
        UnknownVideoError: there is no such video.
    """
    number = number_of(transaction.connection, video_id)
    since = func.coalesce(VideoRecord.stale_since, time.time())
    _update_video(transaction, number, stale_reason=reason, stale_since=since)


def remove(transaction: WriteTransaction, video_id: str) -> None:
    """Forget a video or a failure.

    Raises:
        UnknownVideoError: there is no such video.
    """
    _delete_video(transaction, number_of(transaction.connection, video_id))


def _upsert(
    transaction: WriteTransaction, file: FileVersion, values: Mapping[str, Any]
) -> tuple[int, str]:
    connection = transaction.connection
    known = connection.execute(
        select(VideoRecord.number, VideoRecord.video_id).where(VideoRecord.path == file.path)
    ).one_or_none()
    file_values = {
        "size_bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "content_hash": file.content_hash,
    }
    if known is not None:
        bury_all(transaction, known.number)
        _update_video(transaction, known.number, **file_values, **values)
        return known.number, known.video_id
    video_id, now = uuid.uuid4().hex, time.time()
    row = {
        "video_id": video_id,
        "path": file.path,
        "path_folded": fold_path(file.path),
        "root_number": innermost_root(connection, file.path),
        "date": file.mtime_ns / 1e9,
        "added_at": now,
        "updated_at": now,
        "generation": transaction.generation,
        **file_values,
        **values,
    }
    inserted = connection.execute(insert(VideoRecord).returning(VideoRecord.number), row)
    return inserted.scalar_one(), video_id


def _update_video(transaction: WriteTransaction, number: int, **values: Any) -> None:
    transaction.connection.execute(
        update(VideoRecord)
        .where(VideoRecord.number == number)
        .values(updated_at=time.time(), generation=transaction.generation, **values)
    )


def _delete_video(transaction: WriteTransaction, number: int) -> None:
    bury_all(transaction, number)
    transaction.connection.execute(delete(VideoRecord).where(VideoRecord.number == number))


def _number_with(connection: Connection, video_id: str, content_hash: str | None) -> int | None:
    """The number of a video of this content; None where there is none."""
    query = select(VideoRecord.number).where(VideoRecord.video_id == video_id)
    if content_hash is not None:
        query = query.where(VideoRecord.content_hash == content_hash)
    return connection.execute(query).scalar()
