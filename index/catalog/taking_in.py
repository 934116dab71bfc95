"""Takes videos of other libraries in: which video of this one each of them is, and what it brings.

    at its path        same bytes: the same video, whatever the ids are; what is missing is added
                       other bytes: the file that was changed last counts, an indexed one before a
                       failure
    nothing there      same id and bytes elsewhere: the same video; it stands where the library
                       that changed it last has it
                       else a new video under its own id, or under a new one where that is taken;
                       of the same bytes at several paths each is a video, as `cpd index add` has it

What both say of one video is laid over each other, this library's above. Taking in the same again
changes nothing.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from sqlalchemy import ColumnElement, Connection, insert, select, update

from cpd_model.encoder import Vectors
from index.catalog.collections import create_collection, find_collection, put_in
from index.catalog.connection import WriteTransaction
from index.catalog.embeddings import put_vectors
from index.catalog.metadata import (
    Said,
    Source,
    documents_of,
    forget_said,
    put_documents,
    put_sidecars,
)
from index.catalog.names import free_name
from index.catalog.reads import fold_path
from index.catalog.records import LibrarySettings
from index.catalog.roots import all_roots, innermost_root, make_root
from index.catalog.tables import VideoRecord
from index.catalog.whole_videos import (
    Meaning,
    SegmentVectors,
    WholeVideo,
    collections_of,
    models_with,
)
from index.catalog.writes import move_all, put_failed, put_indexed
from index.documents import Document
from index.segments import Segment
from index.sidecars.reading import SidecarContent
from index.sidecars.subtitles import Cue

Taken: TypeAlias = Literal["added", "updated", "unchanged", "kept", "lacking"]
"""What becomes of a video: `kept` where this library has a newer state of its file, `lacking` where
it comes without vectors of the model that answers here."""

Models: TypeAlias = Mapping[Meaning, LibrarySettings]

_Relation: TypeAlias = Literal["new", "same", "older", "newer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What taking a video in means."""

    how: Taken
    number: int | None = None
    """Of the video that it is; None for a new one."""

    is_rewritten: bool = False
    """Whether nothing of the file is known yet, or all that is known gives way."""

    is_moved: bool = False
    takes_sidecars: bool = False
    documents: Mapping[Source, Document] = field(default_factory=dict)
    """Of the sources that say more now."""

    collections: list[str] = field(default_factory=list)
    """That it is not in yet."""

    models: list[Meaning] = field(default_factory=list)
    """Whose vectors are missing."""

    def num_segments(self, video: WholeVideo) -> int:
        """How many segments are written, of all models."""
        return sum(len(video.vectors[meaning].ids_S) for meaning in self.models)

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return self.how in ("added", "updated")


def change_by(
    connection: Connection, video: WholeVideo, *, models: Models, answering: Meaning
) -> Change:
    """What taking in a video would change.

    Args:
        models: of this library, those whose vectors are taken in.
        answering: the one of them that answers.
    """
    known, relation = _related(connection, video)
    number = None if known is None else known.number
    if relation == "older":
        return Change(how="kept", number=number)
    if video.facts is not None and answering not in video.vectors:
        return Change(how="lacking", number=number)
    has = set() if number is None else set(collections_of(connection, number))
    collections = [name for name in video.collections if name not in has]
    models_here = [meaning for meaning in models if meaning in video.vectors]
    if relation != "same":
        return Change(
            how="added" if number is None else "updated",
            number=number,
            is_rewritten=True,
            documents=_laid_under(connection, number, video, sources=["user"]),
            collections=collections,
            models=models_here,
        )
    assert known is not None
    present = models_with(connection, known.number, models)
    change = Change(
        how="updated",
        number=number,
        is_moved=known.path != video.file.path and video.updated_at > known.updated_at,
        takes_sidecars=known.sidecar_stamp is None and video.sidecar_stamp is not None,
        documents=_laid_under(connection, number, video, sources=["container", "user"]),
        collections=collections,
        models=[meaning for meaning in models_here if meaning not in present],
    )
    return change if change != Change(how="updated", number=number) else Change(how="unchanged")


def take_in(
    transaction: WriteTransaction, video: WholeVideo, *, models: Models, answering: Meaning
) -> Change:
    """Take a video in; what that changed. The roots that it may lie in are there already."""
    connection = transaction.connection
    change = change_by(connection, video, models=models, answering=answering)
    if not change.writes:
        return change
    number, missing = change.number, change.models
    if number is None:
        number = _insert_row(transaction, video)
    if change.is_rewritten:
        _rewrite(transaction, number, video, models=models, answering=answering)
        missing = [meaning for meaning in missing if meaning != answering]
    if change.is_moved:
        move_all(transaction, {video.video_id: video.file})
    if change.takes_sidecars:
        put_sidecars(connection, number, _sidecars(video), stamp=video.sidecar_stamp)
    for source, document in change.documents.items():
        put_documents(connection, {number: document}, source=source)
    if video.facts is None:
        forget_said(connection, number)  # a failure is found by nothing
    for meaning in missing:
        put_vectors(
            transaction,
            number,
            segments=_segments(video.vectors[meaning]),
            embeddings_SD=_as_float32(video.vectors[meaning]),
            model_number=models[meaning].model_number,
        )
    for name in change.collections:
        _put_in(connection, number, name)
    return change


def missing_names(
    connection: Connection, *, roots: Mapping[str, Path], collections: Iterable[str]
) -> tuple[dict[str, Path], list[str]]:
    """Roots and collections of another library that this one lacks, by folder and by name."""
    folders = {root.path for root in all_roots(connection)}
    lacking = {name: path for name, path in roots.items() if path not in folders}
    return lacking, [name for name in collections if find_collection(connection, name) is None]


def take_in_names(
    connection: Connection, *, roots: Mapping[str, Path], collections: Iterable[str]
) -> None:
    """Make roots and collections that are missing; a root whose name is taken gets a number."""
    for name, path in roots.items():
        free = free_name(name, [root.name for root in all_roots(connection)])
        make_root(connection, path, name=free)
    for name in collections:
        create_collection(connection, name)


def _put_in(connection: Connection, number: int, name: str) -> None:
    collection = find_collection(connection, name)
    if collection is None:
        collection = create_collection(connection, name)
    put_in(connection, collection, np.array([number], dtype=np.int64))


class _Known(NamedTuple):
    number: int
    path: Path
    is_failed: bool
    content_hash: str | None
    mtime_ns: int
    sidecar_stamp: str | None
    updated_at: float


def _related(connection: Connection, video: WholeVideo) -> tuple[_Known | None, _Relation]:
    """The video or failure that one is here, and how its state stands to it."""
    known = _known(connection, VideoRecord.path == video.file.path)
    if known is None:
        moved = None
        if video.facts is not None:
            moved = _known(
                connection,
                VideoRecord.video_id == video.video_id,
                VideoRecord.content_hash == video.file.content_hash,
                VideoRecord.state == "indexed",
            )
        return (None, "new") if moved is None else (moved, "same")
    is_failed = video.facts is None
    if known.is_failed != is_failed:
        return known, "newer" if known.is_failed else "older"
    if is_failed or known.content_hash == video.file.content_hash:
        return known, "same"
    return known, "newer" if video.file.mtime_ns > known.mtime_ns else "older"


def _known(connection: Connection, *conditions: ColumnElement[bool]) -> _Known | None:
    query = select(
        VideoRecord.number,
        VideoRecord.path,
        VideoRecord.state == "failed",
        VideoRecord.content_hash,
        VideoRecord.mtime_ns,
        VideoRecord.sidecar_stamp,
        VideoRecord.updated_at,
    )
    row = connection.execute(query.where(*conditions)).one_or_none()
    return None if row is None else _Known(*row)


def _laid_under(
    connection: Connection, number: int | None, video: WholeVideo, *, sources: list[Source]
) -> dict[Source, Document]:
    """What sources say together, this library above, where that is more than it says alone."""
    known: Mapping[Source, Document] = {}
    if number is not None:
        known = documents_of(connection, [number]).get(number, {})
    more: dict[Source, Document] = {}
    for source in sources:
        here, there = known.get(source, {}), video.documents.get(source, {})
        # Not `merged`: a null that a person said hides what files say, and has to stay.
        both = _overlaid(there, here)
        if both != here:
            more[source] = both
    return more


def _overlaid(below: Document, above: Document) -> Document:
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        is_object = isinstance(value, dict) and isinstance(under, dict)
        both[key] = _overlaid(under, value) if is_object else value  # type: ignore[arg-type]
    return both


def _insert_row(transaction: WriteTransaction, video: WholeVideo) -> int:
    """A row that `_rewrite` fills, under the video's own id unless that is taken."""
    connection = transaction.connection
    taken = select(VideoRecord.number).where(VideoRecord.video_id == video.video_id)
    is_taken = connection.execute(taken).scalar() is not None
    row = {
        "video_id": uuid.uuid4().hex if is_taken else video.video_id,
        "path": video.file.path,
        "path_folded": fold_path(video.file.path),
        "root_number": innermost_root(connection, video.file.path),
        "date": video.file.mtime_ns / 1e9,
        "size_bytes": video.file.size_bytes,
        "mtime_ns": video.file.mtime_ns,
        "state": "failed",
        "reason": "being taken in",
        "added_at": video.added_at,
        "updated_at": video.updated_at,
        "generation": transaction.generation,
    }
    inserted = connection.execute(insert(VideoRecord).returning(VideoRecord.number), row)
    return inserted.scalar_one()


def _rewrite(
    transaction: WriteTransaction,
    number: int,
    video: WholeVideo,
    *,
    models: Models,
    answering: Meaning,
) -> None:
    """Put the file as the other library has it, instead of all that is known of it here."""
    if video.facts is None:
        put_failed(transaction, video.file, reason=video.reason or "")
    else:
        put_indexed(
            transaction,
            video.file,
            facts=video.facts,
            segments=_segments(video.vectors[answering]),
            embeddings_SD=_as_float32(video.vectors[answering]),
            model_number=models[answering].model_number,
            said=Said(video.documents.get("container", {}), _sidecars(video), video.sidecar_stamp),
        )
    as_there = {
        "updated_at": video.updated_at,
        "stale_reason": video.stale_reason,
        "stale_since": video.stale_since,
    }
    row = update(VideoRecord).where(VideoRecord.number == number)
    transaction.connection.execute(row.values(**as_there))


def _sidecars(video: WholeVideo) -> SidecarContent:
    cues = [
        Cue(text.start_seconds or 0, text.stop_seconds or 0, text.body) for text in video.transcript
    ]
    return SidecarContent(video.documents.get("sidecar", {}), cues, [])


def _segments(vectors: SegmentVectors) -> list[Segment]:
    times = zip(vectors.starts_S.tolist(), vectors.stops_S.tolist(), strict=True)
    return [Segment(start, stop) for start, stop in times]


def _as_float32(vectors: SegmentVectors) -> Vectors:
    """The stored numbers, which float16 holds exactly again."""
    return vectors.vectors_SD.astype(np.float32)
