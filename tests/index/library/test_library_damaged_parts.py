"""What a reader and the next publish do with parts that are damaged, lost, or not ours."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3

import pytest

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.parts import mark_damaged
from index.library.library import Library
from tests.index.libraries import (
    SETTINGS,
    axis,
    flip_a_bit,
    paths,
    put,
    the_part,
    unit_rows,
)

PART_FILES = ["vectors.faiss", "rows.bin", "runs.bin", "pages.bin", "part.json"]


class TestDamagedParts:
    def test_a_catalog_from_elsewhere_names_no_folder_outside_to_be_deleted(
        self, library: Library
    ) -> None:
        outside = library.folder.parent / "outside"
        (outside / "precious").mkdir(parents=True)
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            writer.publish()
        with contextlib.closing(sqlite3.connect(library.folder / "catalog.sqlite3")) as catalog:
            catalog.execute("UPDATE parts SET name = '../../outside'")
            catalog.commit()

        with library.writer() as writer:
            assert writer.publish()

        assert (outside / "precious").is_dir()
        assert library.verify() == []

    @pytest.mark.parametrize("edit", [{"sum": []}, {"num_rows": "x"}, {"bytes": {}}, None])
    def test_a_part_that_says_what_cannot_be_is_passed_over_and_made_anew(
        self, library: Library, edit: dict[str, object] | None
    ) -> None:
        """Its checksum agrees: somebody edited both."""
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            writer.publish()
        facts = the_part(library) / "part.json"
        told = [] if edit is None else {**json.loads(facts.read_text()), **edit}
        facts.write_text(json.dumps(told))
        checksum = hashlib.sha256(facts.read_bytes()).hexdigest()
        with contextlib.closing(sqlite3.connect(library.folder / CATALOG_NAME)) as catalog:
            catalog.execute("UPDATE parts SET checksum = ?", [checksum])
            catalog.commit()

        with Library.open(library.folder) as reader, reader.writer() as writer:
            assert paths(reader, 0) == ["/a.mp4"]
            writer.publish()
            assert reader.verify() == []

    @pytest.mark.parametrize("file", PART_FILES)
    def test_a_damaged_part_is_passed_over_with_a_warning_and_made_anew(
        self, library: Library, file: str
    ) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0), axis(1)])
            writer.publish()
        damaged = the_part(library)
        flip_a_bit(damaged / file)

        with Library.open(library.folder) as reader, library.writer() as writer:
            assert paths(reader, 0) == ["/a.mp4"]
            warning = reader.status().warnings[0]
            assert damaged.name[:8] in warning
            assert "cpd index repair" in warning

            assert writer.publish()
            assert library.verify() == []
            put(writer, "/b.mp4", [axis(2)])
            assert paths(reader, 0) == ["/a.mp4"]
            assert reader.status().warnings == []
        assert the_part(library) != damaged

    @pytest.mark.parametrize("file", PART_FILES)
    def test_a_part_that_lost_a_file_is_made_anew(self, library: Library, file: str) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0)])
            writer.publish()
            (the_part(library) / file).unlink()
            with Library.open(library.folder) as reader:
                assert paths(reader, 0) == ["/a.mp4"]

            assert writer.publish()

        assert library.verify() == []

    def test_all_parts_can_be_lost(self, library: Library) -> None:
        with library.writer() as writer:
            put(writer, "/a.mp4", unit_rows(300, seed=0))
            writer.publish()
            put(writer, "/b.mp4", [axis(0)])
            writer.publish()
            shutil.rmtree(library.folder / "parts")
            with Library.open(library.folder) as reader:
                assert "/b.mp4" in paths(reader, 0)

            assert writer.publish()

        assert library.verify() == []
        assert library.status().warnings == []

    def test_damage_that_a_search_meets_does_not_reach_the_answer(self, library: Library) -> None:
        """A part is mapped unread: its pages are checked when they are first read."""
        with library.writer() as writer:
            put(writer, "/a.mp4", [axis(0), axis(1)])
            put(writer, "/b.mp4", [axis(2)])
            writer.publish()
        with Library.open(library.folder) as reader:
            reader.prepare()
            flip_a_bit(the_part(library) / "vectors.faiss")

            assert [paths(reader, i) for i in range(3)] == [["/a.mp4"], ["/a.mp4"], ["/b.mp4"]]
            assert "damaged" in reader.status().warnings[0]
        with library.writer() as writer:
            assert writer.publish()

    @pytest.mark.parametrize("is_open", [False, True], ids=["opening", "going on"])
    def test_a_removed_row_that_is_damaged_is_taken_out_all_the_same(
        self, library: Library, is_open: bool
    ) -> None:
        """Its vector is read then, to take it out of the mean over all."""
        with library.writer() as writer:
            gone = put(writer, "/gone.mp4", [axis(0)])
            put(writer, "/a.mp4", [axis(0), axis(1)])
            writer.publish()
        damaged = the_part(library) / "vectors.faiss"
        with Library.open(library.folder) as reader:
            if is_open:
                reader.prepare()
            flip_a_bit(damaged)
            with library.writer() as writer:
                writer.remove_video(gone)

            assert paths(reader, 0) == ["/a.mp4"]
            assert "damaged" in reader.status().warnings[0]
        with library.writer() as writer:
            assert writer.publish()
        assert library.verify() == []

    @pytest.mark.parametrize("is_open", [False, True], ids=["opening", "going on"])
    def test_a_part_that_somebody_found_damaged_is_done_without_by_all(
        self, library: Library, is_open: bool
    ) -> None:
        """FAISS looks through pages that nobody has checked: a segment could be missed there."""
        with library.writer() as writer:
            put(writer, "/first.mp4", unit_rows(9000, seed=0))
            put(writer, "/apart.mp4", [-axis(0)] * 9000)
            put(writer, "/a.mp4", [axis(0)])
            writer.publish()
        part = the_part(library)
        with Library.open(library.folder) as reader:
            if is_open:
                reader.prepare()
            with (part / "vectors.faiss").open("rb+") as file:
                file.seek(-2 * SETTINGS.embed_dim, os.SEEK_END)
                file.write(bytes(2 * SETTINGS.embed_dim))
            with Catalog(library.folder / CATALOG_NAME).maintenance_transaction() as connection:
                mark_damaged(connection, [part.name])
            with library.writer() as writer:
                put(writer, "/b.mp4", [axis(1)])

            assert "/a.mp4" in paths(reader, 0)
            (warning,) = reader.status().warnings
        assert part.name[:8] in warning
        assert "cpd index repair" in warning
