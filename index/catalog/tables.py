"""The catalog's tables, as SQLAlchemy sees them; `migrations/` is what creates them.

    library      one row: what the vectors mean, and the generation, which each write transaction
                 raises
    videos       one row a file, indexed or failed; `video_id` is its stable name outside
    segments     one row a window; `id` is never used twice and is the FAISS id
    embeddings   one row an indexed video: the float16 vectors of its segments in the order of their
                 ids, which are consecutive from `first_segment_id` (docs/decisions/0001)
    tombstones   ids of removed segments, so that a reader can take them out of what it has loaded
    epochs       a random word for each generation, so that a reader notices another history
    parts        the files of vectors that were published and may be trusted

Every row that a reader loads carries the generation that wrote it, so that what is newer than a
reader's own generation can be asked for.
"""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    LargeBinary,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column
from sqlalchemy.types import TypeDecorator

from index.video.facts import FACT_NAMES, VideoFacts

SCHEMA_REVISION = "0002"
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
    """The single row that says what the vectors mean."""

    __tablename__ = "library"
    __table_args__ = (CheckConstraint("id = 1", name="one_library"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str]
    fingerprint: Mapped[str]
    embed_dim: Mapped[int]
    window_seconds: Mapped[float]
    hop_seconds: Mapped[float]
    created_at: Mapped[float]
    """Seconds since 1970."""
    library_id: Mapped[str]
    """32 hex digits, drawn once: no other library has it, and a copy of this one has."""
    generation: Mapped[int]
    """Grows by one with each write transaction."""
    epoch: Mapped[str]
    """Of this generation, see EpochRecord."""


class VideoRecord(CatalogTable):
    """One file: indexed with all facts, or failed with a reason."""

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("state IN ('indexed', 'failed')", name="known_state"),
        CheckConstraint("state = 'indexed' OR reason IS NOT NULL", name="failed_for_a_reason"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[str] = mapped_column(unique=True)
    path: Mapped[Path] = mapped_column(PathBytes, unique=True)
    path_folded: Mapped[str]
    """The path for `path_contains`: NFC, case folded, bytes that are no UTF-8 replaced."""
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
    num_segments: Mapped[int]
    added_at: Mapped[float]
    updated_at: Mapped[float]
    generation: Mapped[int]


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
    """The vectors of one video."""

    __tablename__ = "embeddings"

    video_number: Mapped[int] = mapped_column(
        ForeignKey("videos.number", ondelete="CASCADE"), primary_key=True
    )
    first_segment_id: Mapped[int] = mapped_column(index=True)
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
