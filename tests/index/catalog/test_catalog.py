"""The SQLite file: its schema, its transactions, its sentences when something is wrong."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

import index
from index.catalog.connection import CATALOG_NAME, Catalog, has_passed, stand_of
from index.catalog.reads import count_all, fold_path
from index.catalog.records import LibrarySettings, VideoRow
from index.catalog.tables import SCHEMA_REVISION, CatalogTable, VideoRecord
from index.catalog.writes import insert_library, put_failed
from index.errors import LibraryBusyError, LibraryCorruptError, LibraryError
from index.video.facts import FACT_NAMES
from tests.index.libraries import SETTINGS, file_version

FILE = file_version("/videos/a.mp4", size_bytes=1, mtime_ns=2)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog with tables and settings, and nothing else."""
    (tmp_path / CATALOG_NAME).touch()
    catalog = Catalog(tmp_path / CATALOG_NAME)
    catalog.migrate()
    with catalog.maintenance_transaction() as connection:
        insert_library(connection, SETTINGS)
    yield catalog
    catalog.close()


def test_the_migrations_make_the_tables_that_the_program_uses(catalog: Catalog) -> None:
    with catalog.read_transaction() as connection:
        # The full-text index is SQLite's own tables, of which SQLAlchemy knows nothing.
        options = {"compare_type": True, "include_name": lambda name, *_: "_fts" not in str(name)}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, CatalogTable.metadata)

    assert differences == []


def test_the_programs_revision_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(index.__path__[0]) / "catalog" / "migrations"))

    assert scripts.get_heads() == [SCHEMA_REVISION]


def test_migrating_twice_changes_nothing(catalog: Catalog) -> None:
    catalog.migrate()

    assert catalog.is_current()
    with catalog.read_transaction() as connection:
        facts = catalog.read_library(connection)
    assert facts is not None
    assert (facts.settings, facts.stand.generation) == (SETTINGS, 0)


def test_an_empty_file_is_not_current_and_migrates(tmp_path: Path) -> None:
    (tmp_path / CATALOG_NAME).touch()
    catalog = Catalog(tmp_path / CATALOG_NAME)
    assert catalog.schema_revision() is None
    assert not catalog.is_current()

    catalog.migrate()

    assert catalog.is_current()
    catalog.close()


def test_a_catalog_of_a_newer_program_says_to_update(catalog: Catalog) -> None:
    with catalog.maintenance_transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(LibraryError, match=r"newer cpd .*9999.*update cpd"):
        catalog.is_current()


def test_readers_do_not_wait_and_commits_reach_the_disk(catalog: Catalog) -> None:
    with catalog.read_transaction() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert pragmas == ["wal", 2, 1]


def test_every_write_transaction_makes_the_next_generation(catalog: Catalog) -> None:
    with catalog.write_transaction() as first:
        pass
    with catalog.write_transaction() as second:
        pass

    assert (first.generation, second.generation) == (1, 2)


def test_a_catalog_knows_where_it_has_stood_and_no_other_history(catalog: Catalog) -> None:
    with catalog.read_transaction() as connection:
        first = stand_of(connection)
    with catalog.write_transaction():
        pass

    with catalog.read_transaction() as connection:
        assert stand_of(connection).generation == first.generation + 1
        assert has_passed(connection, first)
        assert has_passed(connection, stand_of(connection))
        assert not has_passed(connection, first._replace(epoch="of another history"))
        assert not has_passed(connection, first._replace(library_id="another library"))
        assert not has_passed(connection, first._replace(generation=7))


def test_a_write_that_fails_leaves_the_catalog_as_it_was(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError, match="power"), catalog.write_transaction() as transaction:  # noqa: PT012
        put_failed(transaction, FILE, reason="no frames")
        raise RuntimeError("power")

    with catalog.read_transaction() as connection:
        assert stand_of(connection).generation == 0
        assert count_all(connection, model_number=1).failed == 0


def test_a_reader_sees_one_moment_however_long_it_reads(catalog: Catalog) -> None:
    with catalog.read_transaction() as connection:
        before = stand_of(connection).generation
        with catalog.write_transaction() as transaction:
            put_failed(transaction, FILE, reason="no frames")
        after = stand_of(connection).generation

    assert before == after == 0


def test_a_program_that_blocks_the_catalog_is_one_sentence(catalog: Catalog) -> None:
    """Such as a shell of SQLite in which somebody forgot to commit."""

    def wait_a_moment(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA busy_timeout=10")

    catalog.engine.dispose()
    event.listen(catalog.engine, "connect", wait_a_moment)
    shell = sqlite3.connect(catalog.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")

    with pytest.raises(LibraryBusyError, match="written by another program"):  # noqa: SIM117
        with catalog.write_transaction():
            pass
    with catalog.read_transaction() as connection:
        assert stand_of(connection).generation == 0

    shell.close()


def test_a_full_disk_is_one_sentence_and_the_catalog_stays_usable(catalog: Catalog) -> None:
    def fill_the_disk(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite clamps it to what is in use

    catalog.engine.dispose()
    event.listen(catalog.engine, "connect", fill_the_disk)
    long_reason = "no frames " * 10_000

    with pytest.raises(LibraryError, match=r"disk with the library in .* is full"):  # noqa: SIM117
        with catalog.write_transaction() as transaction:
            put_failed(transaction, FILE, reason=long_reason)

    event.remove(catalog.engine, "connect", fill_the_disk)
    catalog.engine.dispose()
    with catalog.write_transaction() as transaction:
        put_failed(transaction, FILE, reason=long_reason)
    with catalog.read_transaction() as connection:
        assert count_all(connection, model_number=1).failed == 1


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / CATALOG_NAME).write_bytes(b"not a database at all " * 100)
    catalog = Catalog(tmp_path / CATALOG_NAME)

    with pytest.raises(LibraryCorruptError, match=r"damaged .*backup"):
        catalog.schema_revision()

    catalog.close()


def test_a_folder_in_the_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / CATALOG_NAME).mkdir()
    catalog = Catalog(tmp_path / CATALOG_NAME)

    with pytest.raises(LibraryError, match="cannot be opened"):
        catalog.schema_revision()

    catalog.close()


def test_a_migrated_catalog_has_a_column_for_each_fact_of_a_video(catalog: Catalog) -> None:
    """The facts are listed once, in VideoFacts; the migrations are history and stand alone."""
    with catalog.read_transaction() as connection:
        columns = {column["name"]: column for column in inspect(connection).get_columns("videos")}

    others = set(VideoRow.__dataclass_fields__) - set(FACT_NAMES)
    others -= {"num_segments"}  # of a model
    own = {"number", "path_folded", "root_number", "date", "state", "reason", "generation"}
    own |= {"sidecar_stamp"}
    assert set(columns) == set(FACT_NAMES) | others | own
    assert all(columns[name]["nullable"] for name in FACT_NAMES)


def test_a_row_of_the_catalog_carries_all_facts_of_a_video() -> None:
    assert set(FACT_NAMES) <= set(VideoRow.__dataclass_fields__)
    assert set(FACT_NAMES) <= set(VideoRecord.__table__.columns.keys())


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("/Videos/STRASSE.mp4", "/videos/strasse.mp4"),
        ("/videos/Stra\u00dfe.mp4", "/videos/strasse.mp4"),
        ("/videos/u\u0308ber.mp4", "/videos/\u00fcber.mp4"),
        ("/videos/\udcff.mp4", "/videos/\ufffd.mp4"),
    ],
)
def test_paths_are_compared_without_case_and_spelling(path: str, folded: str) -> None:
    assert fold_path(path) == folded


@pytest.mark.parametrize("damage", ["hop_seconds = 1e-9", "embed_dim = 0", "fingerprint = ''"])
def test_settings_that_damage_made_impossible_are_one_sentence(
    catalog: Catalog, damage: str
) -> None:
    with sqlite3.connect(catalog.path) as raw:
        raw.execute(f"UPDATE models SET {damage}")
    raw.close()

    with (
        catalog.read_transaction() as connection,
        pytest.raises(LibraryCorruptError, match=r"settings of the library .* cannot be"),
    ):
        catalog.read_library(connection)


@pytest.mark.parametrize("wrong", [{"embed_dim": 0}, {"fingerprint": ""}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}

    with pytest.raises(ValueError, match=next(iter(wrong))):
        LibrarySettings(**{**values, **wrong})
