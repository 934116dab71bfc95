"""A restore that cannot be is refused whole; who writes beside one is told, or comes after it."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog
from index.errors import (
    LibraryBusyError,
    LibraryCorruptError,
    LibraryError,
    LibraryReplacedError,
)
from index.library import snapshot_files, snapshots
from index.library.library import Library
from tests.index.libraries import (
    axis,
    make_library,
    paths,
    paths_in,
    put,
)


def test_a_restore_waits_for_a_run_that_holds_the_lease(kept: Library) -> None:
    with kept.lease(), pytest.raises(LibraryBusyError, match="is being written by process"):
        kept.snapshots.restore("one")

    assert paths_in(kept) == ["/b.mp4"]


def test_a_damaged_snapshot_changes_nothing(kept: Library) -> None:
    catalog = kept.folder / "snapshots" / "one" / CATALOG_NAME
    content = bytearray(catalog.read_bytes())
    content[-1] ^= 1
    catalog.write_bytes(content)

    with pytest.raises(LibraryCorruptError, match=r"the snapshot one .* is damaged"):
        kept.snapshots.restore("one")

    assert paths_in(kept) == ["/b.mp4"]
    assert [snapshot.name for snapshot in kept.snapshots.list()] == ["one"]


def test_a_snapshot_of_another_library_is_refused(kept: Library, tmp_path: Path) -> None:
    with make_library(tmp_path / "other", num_videos=1) as other:
        other.snapshots.create("theirs")
        shutil.copytree(other.folder / "snapshots" / "theirs", kept.folder / "snapshots" / "theirs")

    with pytest.raises(InputError, match="theirs is of another library"):
        kept.snapshots.restore("theirs")


def test_a_snapshot_of_a_newer_program_is_refused(kept: Library) -> None:
    own = kept.folder / "snapshots" / "one"
    connection = sqlite3.connect(own / CATALOG_NAME)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    manifest = json.loads((own / "manifest.json").read_text())
    manifest["catalog_sha256"] = snapshot_files.sha256_of(own / CATALOG_NAME)
    (own / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(LibraryError, match=r"newer cpd .*9999.* update cpd"):
        kept.snapshots.restore("one")

    assert paths_in(kept) == ["/b.mp4"]


def test_a_writer_is_told_of_a_restore(kept: Library) -> None:
    with kept.writer() as writer:
        put(writer, "/c.mp4", [axis(3)])
        kept.snapshots.restore("one")

        with pytest.raises(LibraryReplacedError, match="run again to go on"):
            put(writer, "/d.mp4", [axis(3)])

    assert paths_in(kept) == ["/a.mp4"]


def test_a_writer_that_has_not_written_since_a_snapshot_is_told_too(library: Library) -> None:
    """What it knows of the library may have been taken away."""
    with library.writer() as first:
        put(first, "/a.mp4", [axis(0)])
        library.snapshots.create("one")
        put(first, "/b.mp4", [axis(1)])
        with library.writer() as idle:
            library.snapshots.restore("one")
            with pytest.raises(LibraryReplacedError):
                put(idle, "/c.mp4", [axis(2)])


def test_a_reader_that_stands_before_the_snapshot_goes_on(library: Library) -> None:
    with library.writer() as writer, Library.open(library.folder) as reader:
        put(writer, "/a.mp4", [axis(0)])
        assert paths(reader, 0) == ["/a.mp4"]
        put(writer, "/b.mp4", [axis(1)])
        library.snapshots.create("one")
        put(writer, "/c.mp4", [axis(2)])

        library.snapshots.restore("one")

        assert [paths(reader, i) for i in range(3)] == [["/a.mp4"], ["/b.mp4"], []]


def test_what_is_written_during_a_restore_is_kept_or_comes_after_it(kept: Library) -> None:
    """A short writer slips in between the backup of what is there and the one step."""

    class Beside(snapshots.Snapshots):
        times = 0

        def _keep(self, live: Catalog, stand: object) -> str | None:
            name = super()._keep(live, stand)  # type: ignore[arg-type]  # as it came
            if self.times < 2:
                self.times += 1
                with kept.writer() as writer:
                    put(writer, f"/during{self.times}.mp4", [axis(3)])
            return name

    report = Beside(kept.folder, kept._catalog).restore("one")

    assert paths_in(kept) == ["/a.mp4"]
    (backup,) = [s for s in kept.snapshots.list() if s.kind == "before-restore"]
    assert (backup.name, backup.videos) == (report.kept_as, 3)
    assert kept.verify() == []


def test_a_library_that_is_written_to_all_the_time_is_not_restored(kept: Library) -> None:
    class Beside(snapshots.Snapshots):
        def _keep(self, live: Catalog, stand: object) -> str | None:
            name = super()._keep(live, stand)  # type: ignore[arg-type]  # as it came
            with kept.writer() as writer:
                put(writer, "/during.mp4", [axis(3)])
            return name

    with pytest.raises(LibraryBusyError, match="is written to all the time"):
        Beside(kept.folder, kept._catalog).restore("one")

    assert paths_in(kept) == ["/b.mp4", "/during.mp4"]
    assert [snapshot.name for snapshot in kept.snapshots.list()] == ["one"]
