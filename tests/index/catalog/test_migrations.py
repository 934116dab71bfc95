"""A library that an older version made opens with all that it holds."""

from pathlib import Path

import numpy as np

from index.library.library import Library
from tests.index.first_library import make_first_library
from tests.index.libraries import axis, paths


def test_videos_and_vectors_of_the_first_catalog_are_kept(tmp_path: Path) -> None:
    make_first_library(tmp_path, axis(0)[np.newaxis])

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
        make_first_library(tmp_path / name, axis(0)[np.newaxis])
        with Library.open(tmp_path / name) as library, library._catalog.read_transaction() as c:
            facts = library._catalog.read_library(c)
            assert facts is not None
            ids.add(facts.stand.library_id)

    assert len(ids) == 2
    assert np.all([len(library_id) == 32 for library_id in ids])
