"""A library that an older version made opens with all that it holds."""

import zlib
from pathlib import Path

import numpy as np
from alembic import command
from sqlalchemy import text

from index.catalog.connection import CATALOG_NAME, Catalog, _alembic_config
from index.library.library import Library
from tests.index.libraries import SETTINGS, axis, paths


def make_first_library(folder: Path) -> None:
    """One video of one window, as revision 0001 kept it, and the snapshot of it."""
    (folder / CATALOG_NAME).touch()
    catalog = Catalog(folder / CATALOG_NAME)
    vectors = axis(0).astype("<f2").tobytes()
    with catalog.maintenance_transaction() as connection:
        command.upgrade(_alembic_config(connection), "0001")
        for statement in (
            f"INSERT INTO library VALUES (1, 'color', '{SETTINGS.fingerprint}', 4, 4, 2, 0, 1, 0)",
            "INSERT INTO videos (number, video_id, path, path_folded, size_bytes, mtime_ns,"
            " content_hash, state, num_segments, added_at, updated_at, generation)"
            " VALUES (1, 'aa', X'2F612E6D7034', '/a.mp4', 1, 2, 'ab', 'indexed', 1, 0, 0, 1)",
            "INSERT INTO segments VALUES (1, 1, 0, 4, 1)",
            "INSERT INTO snapshots VALUES (1, 1, 'checksum')",
        ):
            connection.execute(text(statement))
        connection.execute(
            text("INSERT INTO embeddings VALUES (1, 1, 1, :checksum, :vectors)"),
            {"checksum": zlib.crc32(vectors), "vectors": vectors},
        )
    catalog.close()
    (folder / "snapshots" / "1").mkdir(parents=True)


def test_videos_and_vectors_of_the_first_catalog_are_kept(tmp_path: Path) -> None:
    make_first_library(tmp_path)

    with Library.open(tmp_path) as library:
        assert paths(library, 0) == ["/a.mp4"]
        with library.writer() as writer:
            assert writer.publish()
        assert library.verify() == []
        assert library.status().parts == 1
        assert not (tmp_path / "snapshots").exists()


def test_each_migrated_library_has_an_id_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_first_library(tmp_path / name)
        with Library.open(tmp_path / name) as library, library._catalog.read_transaction() as c:
            facts = library._catalog.read_library(c)
            assert facts is not None
            ids.add(facts.stand.library_id)

    assert len(ids) == 2
    assert np.all([len(library_id) == 32 for library_id in ids])
