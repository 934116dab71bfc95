"""The catalog's tables, as SQLAlchemy sees them; `migrations/` is what creates them.

    library            one row: which model answers, and the generation, which each write
                       transaction raises
    models             one row a model that has vectors here, and what these mean
    videos             one row a file, indexed or failed; `video_id` is its stable name outside
    embedded_videos    which model has how many segments of a video
    segments           one row a window; `id` is never used twice and is the FAISS id
    embeddings         one row a video and model: the float16 vectors of its segments in the order
                       of their ids, which are consecutive from `first_segment_id`
                       (docs/decisions/0001)
    tombstones         ids of removed segments, so that a reader can take them out of what it has
    epochs             a random word for each generation, so that a reader notices another history
    parts              the files of vectors that were published and may be trusted
    roots              folders that videos stand in, by name: where a library moves, they change
    collections        and collection_videos: named sets of videos; a video may be in several
    metadata           one JSON document for each video and source
    facts              these documents as one value a row, for filters
    texts              what can be searched by its words; `texts_fts` is its full-text index

Segment ids tell the model that they belong to (`index.catalog.id_range`): a range of ids is a
range of one model's segments, and parts, tombstones and rows are asked for by such ranges.

Every row that a reader loads carries the generation that wrote it, so that what is newer than a
reader's own generation can be asked for.
"""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column
from sqlalchemy.types import TypeDecorator

from index.video.facts import FACT_NAMES, VideoFacts

SCHEMA_REVISION = "0003"
"""The newest migration; a test holds it equal to the newest one in `migrations/versions`."""


class PathBytes(TypeDecorator[Path]):
    """A path as the file system's bytes; in Python a Path, with surrogate escapes.

    A file name on Linux is bytes, not always UTF-8, and SQLite's TEXT must be UTF-8: a BLOB keeps
    every name exactly. `CAST(path AS TEXT)` shows it in the sqlite3 shell.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        """Encode as `os.fsencode` does where the file system is UTF-8."""
        return None if value is None else str(value).encode("utf-8", "surrogateescape")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        """Decode as `os.fsdecode` does where the file system is UTF-8."""
        return None if value is None else Path(value.decode("utf-8", "surrogateescape"))


class CatalogTable(DeclarativeBase):
    """A table of the catalog; their metadata is what the migrations are compared with."""


class LibraryRecord(CatalogTable):
    """The single row that makes the file a library."""

    __tablename__ = "library"
    __table_args__ = (CheckConstraint("id = 1", name="one_library"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[float]
    """Seconds since 1970."""
    library_id: Mapped[str]
    """32 hex digits, drawn once: no other library has it, and a copy of this one has."""
    generation: Mapped[int]
    """Grows by one with each write transaction."""
    epoch: Mapped[str]
    """Of this generation, see EpochRecord."""
    model_number: Mapped[int] = mapped_column(ForeignKey("models.number"))
    """Of the model that answers."""
    previous_model_number: Mapped[int | None] = mapped_column(ForeignKey("models.number"))
    """Of the one that answered before it; NULL while it is the first."""


class ModelRecord(CatalogTable):
    """A model that has vectors here, and what they mean."""

    __tablename__ = "models"
    __table_args__ = (
        CheckConstraint("state IN ('building', 'ready')", name="known_state"),
        UniqueConstraint("fingerprint", "window_seconds", "hop_seconds"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    """In the order of their coming, from 1."""
    name: Mapped[str]
    fingerprint: Mapped[str]
    embed_dim: Mapped[int]
    window_seconds: Mapped[float]
    hop_seconds: Mapped[float]
    state: Mapped[str]
    """`building` until it has embedded all videos once, then `ready`."""
    created_at: Mapped[float]
    last_segment_id: Mapped[int] = mapped_column(BigInteger)
    """The highest id that was ever given to a segment of this model."""


class RootRecord(CatalogTable):
    """A folder that videos stand in."""

    __tablename__ = "roots"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[Path] = mapped_column(PathBytes, unique=True)


class VideoRecord(CatalogTable):
    """One file: indexed with all facts, or failed with a reason."""

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("state IN ('indexed', 'failed')", name="known_state"),
        CheckConstraint("state = 'indexed' OR reason IS NOT NULL", name="failed_for_a_reason"),
        # With all that a filter asks of a video beside its date: no row is looked at.
        Index("ix_videos_date", "date", "state"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[str] = mapped_column(unique=True)
    path: Mapped[Path] = mapped_column(PathBytes, unique=True)
    path_folded: Mapped[str]
    """The path for filters: NFC, case folded, bytes that are no UTF-8 replaced."""
    root_number: Mapped[int | None] = mapped_column(ForeignKey("roots.number"), index=True)
    """Of the innermost root that the path lies in; NULL where none does."""
    date: Mapped[float] = mapped_column(server_default="0")
    """When it was recorded, or else the file's time; seconds since 1970."""
    sidecar_stamp: Mapped[str | None]
    """Of the files beside it whose content is in the catalog, see index.sidecars.finding."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str | None] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    stale_reason: Mapped[str | None]
    """Why the newest bytes of an indexed file could not be read; its older vectors stand."""
    stale_since: Mapped[float | None]
    """Seconds since 1970, when that was first seen."""
    facts: Mapped[VideoFacts] = composite(*(mapped_column(nullable=True) for _ in FACT_NAMES))
    """A column for each fact, of its name and type; NULL where the file failed."""
    added_at: Mapped[float]
    updated_at: Mapped[float]
    generation: Mapped[int]


class EmbeddedVideoRecord(CatalogTable):
    """How many segments a model has of a video; no row where it has none."""

    __tablename__ = "embedded_videos"

    model_number: Mapped[int] = mapped_column(
        ForeignKey("models.number", ondelete="CASCADE"), primary_key=True
    )
    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), primary_key=True, index=True
    )
    num_segments: Mapped[int]


class SegmentRecord(CatalogTable):
    """One window [start, stop) of a video."""

    __tablename__ = "segments"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), index=True
    )
    start_seconds: Mapped[float]
    stop_seconds: Mapped[float]
    generation: Mapped[int]


class EmbeddingRecord(CatalogTable):
    """The vectors of one video by one model."""

    __tablename__ = "embeddings"

    first_segment_id: Mapped[int] = mapped_column(primary_key=True)
    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), index=True
    )
    generation: Mapped[int]
    checksum: Mapped[int] = mapped_column(BigInteger)
    """CRC-32 of `vectors`."""
    vectors: Mapped[bytes] = mapped_column(LargeBinary)
    """float16, little-endian, (S, D) in C order."""


class TombstoneRecord(CatalogTable):
    """A segment that was removed."""

    __tablename__ = "tombstones"

    segment_id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(index=True)


class EpochRecord(CatalogTable):
    """A random word that the transaction of a generation drew.

    A catalog that was restored from a backup counts the same generations again with other content:
    a reader that stands at a generation trusts what it has only while the catalog lists that
    generation with the word that the reader knows.
    """

    __tablename__ = "epochs"

    generation: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[str]


class PartRecord(CatalogTable):
    """Vectors of a range of segments as files; a folder that is not listed here is not trusted."""

    __tablename__ = "parts"
    __table_args__ = (
        CheckConstraint("first_segment_id <= last_segment_id", name="some_range"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    """Of its folder: 32 hex digits that are never used again."""
    generation: Mapped[int]
    """Segments that were removed up to it are not in the part."""
    kind: Mapped[str]
    """`exact` or `ivf`."""
    parameters: Mapped[str]
    """JSON: what its search is set to."""
    first_segment_id: Mapped[int]
    last_segment_id: Mapped[int]
    """The range that the part answers for; ranges of two parts never meet."""
    num_rows: Mapped[int]
    recall: Mapped[float | None]
    """Recall@10 that was measured when it was built; NULL where the search is exact."""
    checksum: Mapped[str]
    """SHA-256 of the part's `part.json`, which holds the checksums of all other files."""
    damaged: Mapped[bool]
    """Somebody found it damaged: the next publish makes it anew."""


class CollectionRecord(CatalogTable):
    """A named set of videos."""

    __tablename__ = "collections"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[float]


class CollectionVideoRecord(CatalogTable):
    """That a video is in a collection."""

    __tablename__ = "collection_videos"

    collection_number: Mapped[int] = mapped_column(
        ForeignKey("collections.number", ondelete="CASCADE"), primary_key=True
    )
    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), primary_key=True, index=True
    )


class MetadataRecord(CatalogTable):
    """What one source says of a video: a JSON object."""

    __tablename__ = "metadata"
    __table_args__ = (
        CheckConstraint("source IN ('container', 'sidecar', 'user')", name="known_source"),
    )

    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), primary_key=True
    )
    source: Mapped[str] = mapped_column(primary_key=True)
    """`user` counts before `sidecar`, that before `container`."""
    document: Mapped[str]


class FactRecord(CatalogTable):
    """One value of a video's metadata, all sources merged; a list is several rows."""

    __tablename__ = "facts"
    __table_args__ = (
        # Whole answers to a condition of a filter, so that none of the rows is looked at.
        Index("ix_facts_text", "key", "text_folded", "video_number"),
        # Most values are no number, and no question for numbers means them.
        Index(
            "ix_facts_number",
            "key",
            "number",
            "video_number",
            sqlite_where=text("number IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), index=True
    )
    key: Mapped[str]
    """`camera`, or `gps.lat` of an object within the document."""
    text_folded: Mapped[str]
    """The value as text, as `index.filters.folding.fold` evens it out; `true` and `false` for
    booleans. The document has it as it was written."""
    number: Mapped[float | None]
    """The value as a number, of a date (`index.filters.values.period_of`) when it begins, in
    seconds since 1970; NULL where it is none."""


class TextRecord(CatalogTable):
    """Words that a video can be found by; triggers keep the full-text index in step."""

    __tablename__ = "texts"
    __table_args__ = (
        CheckConstraint("kind IN ('title', 'caption', 'transcript', 'name')", name="known_kind"),
        Index("ix_texts_video_number", "video_number", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    video_number: Mapped[int] = mapped_column(ForeignKey("videos.number", ondelete="CASCADE"))
    kind: Mapped[str]
    start_seconds: Mapped[float | None]
    """When it is said; NULL where it is of the whole video."""
    stop_seconds: Mapped[float | None]
    body: Mapped[str]
