"""A library as the first schema kept it, with a snapshot, which parts took the place of."""

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
