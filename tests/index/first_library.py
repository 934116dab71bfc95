"""Libraries as older schemas kept them: with a snapshot, and with parts in its place."""

import zlib
from pathlib import Path

from alembic import command
from sqlalchemy import text

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME, Catalog, _alembic_config
from tests.index.libraries import SETTINGS


def make_first_library(folder: Path, embeddings_SD: Vectors) -> None:
    """Write the library of revision 0001 that holds one video, /a.mp4."""
    (folder / CATALOG_NAME).touch()
    catalog = Catalog(folder / CATALOG_NAME)
    vectors, num_segments = embeddings_SD.astype("<f2").tobytes(), len(embeddings_SD)
    with catalog.maintenance_transaction() as connection:
        command.upgrade(_alembic_config(connection), "0001")
        for statement in (
            f"INSERT INTO library VALUES (1, 'color', '{SETTINGS.fingerprint}', 4, 4, 2, 0, 1, 0)",
            "INSERT INTO videos (number, video_id, path, path_folded, size_bytes, mtime_ns,"
            " content_hash, state, num_segments, added_at, updated_at, generation)"
            " VALUES (1, 'aa', X'2F612E6D7034', '/a.mp4', 1, 2, 'ab', 'indexed',"
            f" {num_segments}, 0, 0, 1)",
            f"INSERT INTO snapshots VALUES (1, {num_segments}, 'checksum')",
        ):
            connection.execute(text(statement))
        connection.execute(
            text("INSERT INTO segments VALUES (:id, 1, 2.0 * :id - 2, 2.0 * :id + 2, 1)"),
            [{"id": i + 1} for i in range(num_segments)],
        )
        connection.execute(
            text("INSERT INTO embeddings VALUES (1, 1, 1, :checksum, :vectors)"),
            {"checksum": zlib.crc32(vectors), "vectors": vectors},
        )
    catalog.close()
    (folder / "snapshots" / "1").mkdir(parents=True)


def make_second_library(folder: Path, embeddings_SD: Vectors) -> None:
    """The same as revision 0002 kept it, with a failure, a tombstone and a part that is listed."""
    make_first_library(folder, embeddings_SD)
    catalog = Catalog(folder / CATALOG_NAME)
    with catalog.maintenance_transaction() as connection:
        command.upgrade(_alembic_config(connection), "0002")
        for statement in (
            "INSERT INTO videos (number, video_id, path, path_folded, size_bytes, mtime_ns, state,"
            " reason, num_segments, added_at, updated_at, generation)"
            " VALUES (2, 'bb', X'2F622E6D7034', '/b.mp4', 1, 2, 'failed', 'broken', 0, 0, 0, 1)",
            "INSERT INTO tombstones VALUES (90, 1)",
            "UPDATE sqlite_sequence SET seq = 95 WHERE name = 'segments'",
            f"INSERT INTO parts VALUES (1, '{'ab' * 16}', 1, 'exact', '{{}}', 1, 90,"
            f" {len(embeddings_SD)}, NULL, '{'0' * 64}', 0)",
        ):
            connection.execute(text(statement))
    catalog.close()
    part = folder / "parts" / ("ab" * 16)
    part.mkdir(parents=True)
    (part / "part.json").write_bytes(b"{}")
