"""The catalog: one SQLite file that holds everything a library knows, behind real transactions.

WAL, so that readers never wait for the writer, and `synchronous=FULL`: a commit is on the disk when
`put_video` returns, through `kill -9` and through a power cut. FULL costs one fsync a video, which
is nothing beside decoding it (benchmarks/embedding_store.py); NORMAL could lose the last commits in
a power cut while a part made from them survives, and ids would then be given out twice.

Paths are stored as the file system's bytes (see `tables.PathBytes`).
"""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    event,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)

from cpd_model.errors import InputError
from index.catalog.complaints import told_as_damage, translated
from index.catalog.file import (
    Access,
    CatalogConnection,
    CatalogFile,
    look_at,
    open_catalog,
)
from index.catalog.records import LibrarySettings
from index.catalog.tables import SCHEMA_REVISION, EpochRecord, LibraryRecord, ModelRecord
from index.errors import (
    IndexMismatchError,
    LibraryCorruptError,
    LibraryError,
    LibraryReplacedError,
    UnknownModelError,
)

if TYPE_CHECKING:
    from alembic.config import Config

CATALOG_NAME = "catalog.sqlite3"
_SETTINGS_NOW = (
    "SELECT (SELECT version_num FROM alembic_version), "
    "fingerprint, embed_dim, window_seconds, hop_seconds FROM models WHERE number = ?"
)

# Built once: each search asks it, and building it takes three times as long as the answer.
_STAND = select(LibraryRecord.library_id, LibraryRecord.generation, LibraryRecord.epoch)


class LibraryFacts(NamedTuple):
    """The single row of the table `library`, and one of its models."""

    settings: LibrarySettings
    stand: "Stand"


class Stand(NamedTuple):
    """Where a catalog stands; two that are equal hold the same."""

    library_id: str
    generation: int
    epoch: str


class WriteTransaction(NamedTuple):
    """An open write transaction and where the catalog stands once it is committed."""

    connection: Connection
    stand: Stand

    @property
    def generation(self) -> int:
        """The generation that it makes."""
        return self.stand.generation


class Catalog:
    """The SQLite file of one library; any number of threads may use one Catalog.

    Each transaction is one of whichever file lies at the path when it begins.

    Args:
        path: of a file that is there; an empty one is a catalog without tables.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = open_catalog(path)
        event.listen(self.engine, "begin", _begin)
        self._settings: LibrarySettings | None = None
        self._closed = False

    def keep_to(self, settings: LibrarySettings) -> None:
        """From now on refuse the file of a library that has no vectors of this meaning."""
        self._settings = settings

    def require_writable(self, file: CatalogFile | None = None) -> None:
        """Refuse where the file or its folder is read-only, as far as one can tell beforehand.

        Raises:
            LibraryError: it is.
        """
        self.require_open()
        if (file or look_at(self.path)).access is not Access.WRITE:
            raise LibraryError(
                f"the library in {self.path.parent} cannot be written to: {CATALOG_NAME} or its "
                f"folder is read-only here; it can be searched"
            )

    def close(self) -> None:
        """Close all connections; a ValueError for whoever asks for another one."""
        self._closed = True
        self.engine.dispose()

    def require_open(self) -> None:
        """A ValueError after `close`."""
        if self._closed:
            raise ValueError(f"the library in {self.path.parent} was closed: open it again")

    @contextlib.contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the catalog, however long it stays open.

        Raises:
            LibraryNotFoundError: the file is gone.
            IndexMismatchError: another library took its place, see `keep_to`.
            LibraryError: the file cannot be read.
            ValueError: the catalog was closed.
        """
        with self._connected() as connection, connection.begin():
            self._require_settings(connection)
            yield connection

    @contextlib.contextmanager
    def write_transaction(self, *, after: Stand | None = None) -> Iterator[WriteTransaction]:
        """A transaction that is committed whole or not at all, and makes the next generation.

        Args:
            after: where the catalog stood before, as the caller knows it.

        Raises:
            LibraryReplacedError: what is there now did not grow from that.
            LibraryBusyError: another program has been writing to it for half a minute.
            LibraryError: the disk is full, or the file cannot be written.
            ValueError: the catalog was closed.
        """
        with self.maintenance_transaction(after=after) as connection:
            epoch = uuid.uuid4().hex
            bumped = connection.execute(
                update(LibraryRecord)
                .values(generation=LibraryRecord.generation + 1, epoch=epoch)
                .returning(LibraryRecord.library_id, LibraryRecord.generation, LibraryRecord.epoch)
            )
            stand = Stand(*bumped.one())
            row = {"generation": stand.generation, "epoch": epoch}
            connection.execute(insert(EpochRecord), row)
            yield WriteTransaction(connection, stand)

    @contextlib.contextmanager
    def maintenance_transaction(self, *, after: Stand | None = None) -> Iterator[Connection]:
        """A write transaction that changes nothing a reader has loaded: no new generation."""
        with self._immediate_transaction() as connection:
            self._require_settings(connection)
            if after is not None and not may_follow(connection, after):
                raise _replaced(self.path)
            yield connection

    @contextlib.contextmanager
    def _immediate_transaction(self) -> Iterator[Connection]:
        with self._connected() as connection:
            connection = connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            opened = _raw(connection).file
            self.require_writable(opened)
            with connection.begin():
                yield connection
                if look_at(self.path) != opened:
                    raise _replaced(self.path)  # which nobody would find in the file taken away

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        self.require_open()
        with (
            translated(self.path),
            self.engine.connect() as connection,
            told_as_damage(connection, self.path),
        ):
            yield connection

    def schema_revision(self) -> str | None:
        """The migration that the file stands at; None for a file without tables."""
        with self._connected() as connection, connection.begin():
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def is_current(self) -> bool:
        """Whether the schema is this program's; False means `migrate` is due.

        Raises:
            LibraryError: the schema is newer than this program.
        """
        revision = self.schema_revision()
        if revision == SCHEMA_REVISION:
            return True
        if revision is not None and revision not in _known_revisions():
            raise LibraryError(
                f"the library in {self.path.parent} was written by a newer cpd (its catalog is at "
                f"revision {revision}, this program knows up to {SCHEMA_REVISION}): update cpd"
            )
        return False

    def migrate(self) -> None:
        """Bring the file to this program's schema; the caller holds the lease."""
        from alembic import command

        with self._connected() as connection:
            # The journal mode cannot change inside a transaction and stays in the file for good.
            if _raw(connection).file.access is Access.WRITE:
                _raw(connection).execute("PRAGMA journal_mode=WAL")
        with self._immediate_transaction() as connection:
            command.upgrade(_alembic_config(connection), "head")

    @contextlib.contextmanager
    def outside_transactions(self, *, to_write: bool) -> Iterator[CatalogConnection]:
        """The driver's own connection, for what SQLite does in no transaction that one begins.

        Raises:
            LibraryError: the disk is full, or it is to be written and is read-only here.
        """
        with self._connected() as connection:
            if to_write:
                self.require_writable(_raw(connection).file)
            yield _raw(connection)

    def _require_settings(self, connection: Connection) -> None:
        """Refuse another library's vectors, and a schema that this program does not know."""
        kept = self._settings
        if kept is None:
            return
        # By the driver itself: each transaction asks, and SQLAlchemy would double what one costs.
        now = _raw(connection).execute(_SETTINGS_NOW, (kept.model_number,)).fetchone()
        values = (kept.fingerprint, kept.embed_dim, kept.window_seconds, kept.hop_seconds)
        if now is None or tuple(now) != (SCHEMA_REVISION, *values):
            raise IndexMismatchError(
                f"the library in {self.path.parent} was replaced by another one, not made with "
                f"{kept.model} ({kept.fingerprint[:12]}) or by another version of cpd, or this "
                f"model was dropped from it: open it again"
            )

    def read_library(
        self, connection: Connection, *, model_number: int | None = None
    ) -> LibraryFacts | None:
        """Settings and generation; None when the library's creation was interrupted.

        Args:
            model_number: of the model whose settings are asked for; None for the one that answers.

        Raises:
            UnknownModelError: there is no model of that number.
            LibraryCorruptError: damage left settings that no library can have.
        """
        library = connection.execute(select(LibraryRecord.__table__)).one_or_none()
        if library is None:
            return None
        number = library.model_number if model_number is None else model_number
        query = select(ModelRecord.__table__).where(ModelRecord.number == number)
        row = connection.execute(query).one_or_none()
        if row is None and model_number is not None:
            raise UnknownModelError(
                f"the library in {self.path.parent} has no model {number}: `cpd index model list` "
                "lists those that it has"
            )
        if row is None:
            raise LibraryCorruptError(
                f"the library in {self.path.parent} does not list its model {number}: "
                "its catalog is damaged, take it from a backup or index the files anew"
            )
        settings = self._settings_of(row)
        stand = Stand(library.library_id, library.generation, library.epoch)
        return LibraryFacts(settings, stand)

    def read_models(self, connection: Connection) -> list[LibrarySettings]:
        """The settings of all models that have vectors here, in the order of their coming.

        Raises:
            LibraryCorruptError: damage left settings that no library can have.
        """
        rows = connection.execute(select(ModelRecord.__table__).order_by(ModelRecord.number))
        return [self._settings_of(row) for row in rows]

    def _settings_of(self, row: "Row[Any]") -> LibrarySettings:
        try:
            return LibrarySettings(
                model=row.name,
                model_number=row.number,
                fingerprint=row.fingerprint,
                embed_dim=row.embed_dim,
                window_seconds=row.window_seconds,
                hop_seconds=row.hop_seconds,
            )
        except (InputError, ValueError, TypeError) as error:
            raise LibraryCorruptError(
                f"the settings of the library in {self.path.parent} cannot be: {error}; "
                "its catalog is damaged, take it from a backup or index the files anew"
            ) from error


def stand_of(connection: Connection) -> Stand:
    """Where the catalog stands as this transaction sees it."""
    return Stand(*connection.execute(_STAND).one())


def has_passed(connection: Connection, stand: Stand) -> bool:
    """Whether the catalog once stood there, so that what it holds now grew from that.

    False for another library, and for one that was restored from a backup and went on from there.
    """
    same_library = stand_of(connection).library_id == stand.library_id
    return same_library and _epoch_at(connection, stand.generation) == stand.epoch


def may_follow(connection: Connection, stand: Stand) -> bool:
    """Whether the catalog can have grown from where it stood.

    Unlike `has_passed` true also where it has come so far that it no longer lists the generation.
    It forgets the oldest; one that is missing between others was left out by a restore.
    """
    now = stand_of(connection)
    if now.library_id != stand.library_id or now.generation < stand.generation:
        return False
    epoch = _epoch_at(connection, stand.generation)
    if epoch is not None:
        return epoch == stand.epoch
    oldest = connection.execute(select(func.min(EpochRecord.generation))).scalar()
    return oldest is None or stand.generation < oldest


def _epoch_at(connection: Connection, generation: int) -> str | None:
    """The word of a generation; None where it is not listed."""
    query = select(EpochRecord.epoch).where(EpochRecord.generation == generation)
    return connection.execute(query).scalar()


def _raw(connection: Connection) -> CatalogConnection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, CatalogConnection)
    return raw


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))


def _replaced(path: Path) -> LibraryReplacedError:
    return LibraryReplacedError(
        f"the library in {path.parent} was replaced by another one, or restored from a backup, "
        f"while it was written to: run again to go on with what is there now"
    )


def _alembic_config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config  # here: Alembic's import is not paid for by a mere search

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # configparser's escape
    config.attributes["connection"] = connection
    return config


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_alembic_config())
    return {script.revision for script in scripts.walk_revisions()}
