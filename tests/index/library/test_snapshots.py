"""What a library held is kept beside it, and comes back in one step."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.file import CatalogConnection
from index.catalog.records import LibrarySettings
from index.errors import (
    LibraryError,
    UnknownSnapshotError,
)
from index.library import snapshots
from index.library.library import Library
from index.library.model_building import begin_building
from index.vectors.leftovers import remove_old_snapshots
from tests.index.libraries import (
    MADE_BY,
    SETTINGS,
    axis,
    part_names,
    paths,
    paths_in,
    put,
    unit_rows,
)


def test_a_snapshot_says_what_it_holds(kept: Library) -> None:
    (snapshot,) = kept.snapshots.list()

    assert snapshot == kept.snapshots.get("one")
    assert (snapshot.name, snapshot.kind, snapshot.revision) == ("one", "named", "0003")
    assert (snapshot.videos, snapshot.segments, snapshot.generation) == (1, 1, 1)
    (part,) = snapshot.parts
    assert part.linked
    manifest = json.loads((kept.folder / "snapshots" / "one" / "manifest.json").read_text())
    assert manifest["catalog_sha256"] == snapshot.catalog_sha256


def test_a_restore_brings_back_what_was_kept_and_keeps_what_was_there(kept: Library) -> None:
    assert paths_in(kept) == ["/b.mp4"]

    report = kept.snapshots.restore("one")

    assert paths_in(kept) == ["/a.mp4"]
    assert [paths(kept, i) for i in range(3)] == [["/a.mp4"], [], []]
    assert kept.verify() == []
    assert kept.status().warnings == []
    assert kept.status().generation == report.generation == 4
    assert report.kept_as is not None
    assert report.kept_as.startswith("before-restore-")
    kept.snapshots.restore(report.kept_as, backup=False)
    assert paths_in(kept) == ["/b.mp4"]
    assert [paths(kept, i) for i in range(3)] == [[], ["/b.mp4"], ["/b.mp4"]]
    assert kept.verify() == []


def test_a_part_takes_room_once_however_many_snapshots_hold_it(kept: Library) -> None:
    before = kept.status().bytes
    (part,) = kept.snapshots.get("one").parts
    (name,) = part_names(kept)
    assert part.name != name  # it was merged away, and the snapshot has it still

    made = kept.snapshots.create("two")

    assert kept.status().bytes - before < made.catalog_bytes + 10_000
    linked = kept.folder / "snapshots" / "two" / "parts" / name / "vectors.faiss"
    assert linked.samefile(kept.folder / "parts" / name / "vectors.faiss")


def test_a_restored_library_publishes_and_clears_away_the_other_parts(kept: Library) -> None:
    kept.snapshots.restore("one", backup=False)

    with kept.writer() as writer:
        put(writer, "/c.mp4", [axis(3)])
        writer.publish()

    assert len(part_names(kept)) == 1
    assert paths_in(kept) == ["/a.mp4", "/c.mp4"]
    assert kept.verify() == []


def ids_in(library: Library) -> tuple[set[int], int]:
    """The ids of its segments, and the highest number of a video."""
    with library._catalog.read_transaction() as connection:
        segments = connection.execute(text("SELECT id FROM segments")).scalars()
        newest = connection.execute(text("SELECT max(number) FROM videos")).scalar()
        return set(segments), newest or 0


def test_no_id_comes_twice(kept: Library) -> None:
    """A caller may still know the ids of what the restore took away."""
    given, newest = ids_in(kept)
    kept.snapshots.restore("one")

    with kept.writer() as writer:
        put(writer, "/c.mp4", [axis(3)])

    after, newest_after = ids_in(kept)
    assert not given & after
    assert newest_after > newest


def test_no_number_of_a_table_comes_twice(kept: Library) -> None:
    with kept._catalog.write_transaction() as transaction:
        for table, columns in (("collections", "name, created_at"), ("roots", "name, path")):
            transaction.connection.execute(
                text(f"INSERT INTO {table} ({columns}) VALUES ('x', 1), ('y', 2)")
            )
    kept.snapshots.restore("one")

    with kept._catalog.write_transaction() as transaction:
        numbers = [
            transaction.connection.execute(
                text(f"INSERT INTO {table} ({columns}) VALUES ('z', 1) RETURNING number")
            ).scalar()
            for table, columns in (("collections", "name, created_at"), ("roots", "name, path"))
        ]

    assert numbers == [3, 3]


def test_a_model_that_was_dropped_since_gives_out_other_ids(kept: Library) -> None:
    other = begin_building(kept.catalog, replace(SETTINGS, model="other", fingerprint="d1" * 32))
    given = set_last_id(kept, other, by=10)
    kept.snapshots.create("two")
    later = set_last_id(kept, other, by=1000)
    kept.models.drop(2)

    kept.snapshots.restore("two")

    assert later > given
    assert set_last_id(kept, other, by=0) > later
    assert set_last_id(kept, other, by=0) < other.segment_ids.last
    again = begin_building(kept.catalog, replace(SETTINGS, model="third", fingerprint="e1" * 32))
    assert again.model_number == 3


def set_last_id(library: Library, model: LibrarySettings, *, by: int) -> int:
    """Let a model give out some ids; the last of them."""
    sentence = "UPDATE models SET last_segment_id = last_segment_id + :by WHERE number = :number"
    with library._catalog.write_transaction() as transaction:
        values = {"by": by, "number": model.model_number}
        query = text(f"{sentence} RETURNING last_segment_id")
        return int(transaction.connection.execute(query, values).scalar_one())


def test_a_snapshot_of_a_moment_is_whole_beside_a_writer_that_merges(library: Library) -> None:
    """Each time that the catalog is copied, another merges the parts that it lists."""
    with library.writer() as writer:
        put(writer, "/0.mp4", [axis(0)])
        writer.publish()

    class MergingCatalog(Catalog):
        times = 0

        @contextlib.contextmanager
        def outside_transactions(self, *, to_write: bool) -> Iterator[CatalogConnection]:
            with super().outside_transactions(to_write=to_write) as connection:
                yield connection
            if self.times < 3:
                self.times += 1
                with library.writer() as other:
                    put(other, f"/{self.times}.mp4", [axis(0)])
                    other.publish()
                    other.compact(whole=True)

    catalog = MergingCatalog(library.folder / CATALOG_NAME)
    snapshot = snapshots.Snapshots(library.folder, catalog).create("one")
    catalog.close()

    assert snapshot.videos == 4
    assert [part.linked for part in snapshot.parts] == [True]


def test_parts_that_could_not_be_linked_are_made_anew(
    kept: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without hard links: the snapshot's catalog has all that is needed."""

    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    made = kept.snapshots.create("two")
    monkeypatch.undo()
    assert [part.linked for part in made.parts] == [False]
    shutil.rmtree(kept.folder / "parts")

    kept.snapshots.restore("two", backup=False)

    assert kept.verify() == []
    assert [paths(kept, i) for i in range(3)] == [[], ["/b.mp4"], ["/b.mp4"]]
    assert kept.status().warnings == []


def test_keep_drops_the_oldest_of_those_without_a_name(kept: Library) -> None:
    made = [kept.snapshots.create(keep=2) for _ in range(4)]

    assert kept.snapshots.list()[1:] == made[2:]
    assert kept.snapshots.list()[0].name == "one"


def test_a_dropped_snapshot_is_gone_and_its_parts_stay_with_the_library(kept: Library) -> None:
    made = kept.snapshots.create("two")

    assert kept.snapshots.drop("two", dry_run=True) == made
    assert [snapshot.name for snapshot in kept.snapshots.list()] == ["one", "two"]
    kept.snapshots.drop("one")
    kept.snapshots.drop("two")

    assert kept.snapshots.list() == []
    assert not (kept.folder / "snapshots").exists()
    assert kept.verify() == []


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "../up", "a b", "x" * 101, "-x", "tab\t", "\u00fcmlaut", "."]
)
def test_a_name_that_is_no_safe_file_name_is_refused(kept: Library, name: str) -> None:
    with pytest.raises(InputError, match="cannot be a snapshot's name"):
        kept.snapshots.create(name)


def test_slips_are_one_sentence(kept: Library) -> None:
    with pytest.raises(InputError, match="there is a snapshot one already: take another name"):
        kept.snapshots.create("one")
    with pytest.raises(UnknownSnapshotError, match=r'has no snapshot "two"; it has: "one"'):
        kept.snapshots.restore("two")
    with pytest.raises(UnknownSnapshotError, match=r'has no snapshot "\.\./one"'):
        kept.snapshots.drop("../one")
    with pytest.raises(InputError, match="keep at least 1"):
        kept.snapshots.create(keep=0)


def test_what_a_killed_run_left_is_cleared_away(kept: Library) -> None:
    left = kept.folder / "snapshots" / f".{'ab' * 16}.partial"
    left.mkdir()
    (left / CATALOG_NAME).write_bytes(b"half")

    kept.snapshots.create("two")

    assert not left.exists()


def test_old_snapshots_that_go_leave_ours(kept: Library) -> None:
    """Revision 0001 kept numbered folders of FAISS files in the same place."""
    kept.snapshots.create("7")
    old = kept.folder / "snapshots" / "3"
    old.mkdir()
    (old / "index.faiss").write_bytes(b"old")
    (old / "snapshot.json").write_bytes(b"{}")

    remove_old_snapshots(kept.folder)

    assert not old.exists()
    assert [snapshot.name for snapshot in kept.snapshots.list()] == ["one", "7"]
    kept.snapshots.restore("7", backup=False)
    assert paths_in(kept) == ["/b.mp4"]


def test_a_read_only_library_is_one_sentence(kept: Library) -> None:
    kept.folder.chmod(0o500)
    try:
        if os.access(kept.folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(LibraryError, match="cannot be written to"):
            kept.snapshots.create("two")
    finally:
        kept.folder.chmod(0o700)


def test_the_answers_of_a_restored_library_are_those_of_then(library: Library) -> None:
    with library.writer() as writer:
        for number in range(6):
            put(writer, f"/{number}.mp4", unit_rows(5, seed=number))
            if number == 3:
                writer.publish()
    query_D = unit_rows(1, seed=99)[0]
    then = library.search(query_D, fingerprint=MADE_BY, limit=50)
    library.snapshots.create("then")
    with library.writer() as writer:
        for number in range(6):
            put(writer, f"/{number}.mp4", unit_rows(5, seed=10 + number))
        writer.compact(whole=True)
    assert list(library.search(query_D, fingerprint=MADE_BY, limit=50)) != list(then)

    library.snapshots.restore("then")

    assert list(library.search(query_D, fingerprint=MADE_BY, limit=50)) == list(then)
