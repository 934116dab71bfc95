"""What an export wrote comes back exactly; what is wrong with a table is one sentence."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.errors import IndexMismatchError
from index.exchange import parquet_table
from index.exchange.exporting import export_library
from index.exchange.importing import import_tables
from index.filters.filter import parse_filter
from index.library.library import Library
from tests.index.exchange.contents import answers, contents
from tests.index.exchange.rich import put_rich, tag
from tests.index.libraries import SETTINGS, file_version, make_library

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

Spoil = Callable[[dict[str, list[Any]]], object]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Three videos in collections and with metadata, one of a name that is no UTF-8; a failure."""
    with Library.create(tmp_path / "lib", SETTINGS) as library:
        with library.writer() as writer:
            first = put_rich(writer, "/a/0.mp4", 0)
            put_rich(writer, "/a/\udcff.mp4", 1, num_segments=5)
            put_rich(writer, "/b/2.mp4", 2)
            writer.put_failure(file_version("/b/9.mp4"), reason="no frames")
        tag(library, first, "holiday", user={"stars": 4, "gps": None})
    return tmp_path / "lib"


@pytest.fixture
def table(library: Path, tmp_path: Path) -> Path:
    with Library.open(library) as opened:
        return export_library(opened, tmp_path / "table.parquet").path


def test_what_was_exported_comes_back_exactly(library: Path, table: Path, tmp_path: Path) -> None:
    report = import_tables([table], tmp_path / "copy")

    with Library.open(library) as before, Library.open(tmp_path / "copy") as copy:
        expected = contents(before)
        del expected["/b/9.mp4"]
        assert contents(copy) == expected
        assert answers(copy, 1) == answers(before, 1)
        assert copy.settings == before.settings
        assert copy.verify() == []
    assert (report.added, report.segments) == (3, 11)


def test_importing_again_changes_nothing(table: Path, tmp_path: Path) -> None:
    import_tables([table], tmp_path / "copy")

    report = import_tables([table, table], tmp_path / "copy")

    assert (report.added, report.updated, report.unchanged) == (0, 0, 6)


def test_nemo_finds_its_columns(library: Path, table: Path) -> None:
    read = parquet.read_table(table)

    assert read.schema.field("id").type == arrow.string()
    assert read.schema.field("embedding").type == arrow.list_(arrow.float32())
    assert len(set(read["id"].to_pylist())) == 11
    with Library.open(library) as opened:
        (video,) = opened.videos(limit=None, where=parse_filter("name:0"))
        stored = np.array(read["embedding"].to_pylist()[:3], dtype=np.float16).astype(np.float32)
        stored /= np.linalg.norm(stored, axis=1, keepdims=True)
        np.testing.assert_array_equal(stored, opened.embeddings(video.video_id))


def test_a_filter_says_what_is_exported(library: Path, tmp_path: Path) -> None:
    with Library.open(library) as opened:
        where = parse_filter("collection:holiday")
        report = export_library(opened, tmp_path, where=where)

    assert report.path == tmp_path / "library.parquet"
    assert (report.videos, report.segments) == (1, 3)
    assert report.bytes == report.path.stat().st_size


def test_an_empty_library_is_an_empty_table(tmp_path: Path) -> None:
    with make_library(tmp_path / "lib") as library:
        report = export_library(library, tmp_path / "table.parquet")

    assert import_tables([report.path], tmp_path / "copy").added == 0


def test_a_file_that_is_there_is_not_overwritten(library: Path, table: Path) -> None:
    before = table.read_bytes()

    with Library.open(library) as opened, pytest.raises(InputError, match="is there already"):
        export_library(opened, table)

    assert table.read_bytes() == before


def test_an_export_that_fails_leaves_nothing(library: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with Library.open(library) as opened, pytest.raises(InputError, match="cannot write"):
        export_library(opened, tmp_path / "file" / "table.parquet")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "lib"]


def test_without_pyarrow_it_says_what_to_install(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with Library.open(library) as opened, pytest.raises(InputError, match=r"cpd\[parquet\]"):
        export_library(opened, tmp_path / "table.parquet")


def test_rows_go_through_memory_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many videos in a group, a video in many groups, and as many at once when read."""
    for module in ("parquet_table", "table_rows"):
        monkeypatch.setattr(f"index.exchange.{module}.ROWS_AT_ONCE", 4)
    with Library.create(tmp_path / "lib", SETTINGS) as library:
        with library.writer() as writer:
            for i, num_segments in enumerate((1, 2, 9, 1, 4, 1)):
                put_rich(writer, f"/{i}.mp4", i, num_segments=num_segments)
        report = export_library(library, tmp_path / "table.parquet")
        import_tables([report.path], tmp_path / "copy")

        facts = parquet.ParquetFile(report.path).metadata
        assert all(facts.row_group(i).num_rows <= 4 for i in range(facts.num_row_groups))
        with Library.open(tmp_path / "copy") as copy:
            assert contents(copy) == contents(library)


def test_another_model_is_refused_before_anything_is_written(table: Path, tmp_path: Path) -> None:
    other = replace(SETTINGS, fingerprint="ff" * 32, model="other")
    Library.create(tmp_path / "other", other).close()

    with pytest.raises(IndexMismatchError, match="cannot be compared"):
        import_tables([table], tmp_path / "other")


def rewritten(table: Path, spoil: Spoil, *, foot: object = None) -> Path:
    """The table with other rows, or another foot."""
    read = parquet.read_table(table)
    columns = {name: read[name].to_pylist() for name in read.schema.names}
    spoil(columns)
    metadata = read.schema.metadata
    if foot is not None:
        metadata = {parquet_table.KEY: json.dumps(foot).encode()}
    fields = [read.schema.field(name) for name in columns]
    if any(isinstance(value, str) for value in columns.get("size_bytes", [])):
        fields = [f.with_type(arrow.string()) if f.name == "size_bytes" else f for f in fields]
    schema = arrow.schema(fields, metadata=metadata)
    parquet.write_table(arrow.table(columns, schema=schema), table)
    return table


def set_row(name: str, row: int, value: object) -> Spoil:
    return lambda columns: columns[name].__setitem__(row, value)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "NaN": (set_row("embedding", 9, [float("nan"), 0, 0, 0]), "row 10: an embedding is no unit"),
    "dims": (set_row("embedding", 9, [1.0, 0.0]), "has 2 dimensions, the table's have 4"),
    "not unit": (set_row("embedding", 9, [5.0, 0, 0, 0]), "no unit vector"),
    "hole": (set_row("embedding", 9, [None, 1.0, 0, 0]), "row 10: an embedding is no unit"),
    "no embedding": (set_row("embedding", 9, None), "row 10: embedding is missing"),
    "times": (set_row("start_seconds", 9, 99.0), "0 <= start < stop"),
    "a row is gone": (lambda columns: [v.pop(9) for v in columns.values()], "2 rows of it stand"),
    "id": (set_row("video_id", 8, "no id"), "keep the rows in the order"),
    "hash": (set_row("content_hash", 8, "../x"), "content_hash is not 64 hex digits"),
    "path": (set_row("path", 8, "here.mp4"), "here.mp4 is no absolute path"),
    "fact": (set_row("fps", 8, float("inf")), "fps is inf"),
    "metadata": (set_row("metadata", 8, '{"user": 1}'), "metadata cannot be read"),
    "source": (set_row("metadata", 8, '{"who": {}}'), "none of container, sidecar, user"),
    "texts": (set_row("texts", 8, '[{"kind": "transcript"}]'), "texts cannot be read"),
    "collection": (set_row("collections", 8, ["a\nb"]), "cannot be the name of a collection"),
    "kind": (lambda columns: columns.update(size_bytes=["x"] * 11), "of another kind"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_wrong_row_is_one_sentence_and_whole_videos_stay(
    name: str, table: Path, tmp_path: Path
) -> None:
    spoil, sentence = SPOILED[name]
    rewritten(table, spoil)

    with pytest.raises(InputError, match=sentence) as refused:
        import_tables([table], tmp_path / "copy")

    assert "\n" not in str(refused.value)
    assert str(table) in str(refused.value)
    with Library.open(tmp_path / "copy") as copy:
        assert copy.verify() == []
        assert len(copy.videos(limit=None)) == (0 if name == "kind" else 2)


FEET: dict[str, tuple[object, str]] = {
    "newer": ({"format": 99}, "update cpd"),
    "nothing": ({}, "cannot be read"),
    "list": ([], "cannot be read"),
    "numbers": ({"format": 1, "model": 1, "fingerprint": "", "embed_dim": 4}, "cannot be read"),
}


@pytest.mark.parametrize("name", FEET)
def test_a_wrong_foot_is_one_sentence_and_makes_no_library(
    name: str, table: Path, tmp_path: Path
) -> None:
    foot, sentence = FEET[name]
    rewritten(table, lambda columns: None, foot=foot)

    with pytest.raises(InputError, match=sentence):
        import_tables([table], tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


def test_a_column_that_is_missing_is_named(table: Path, tmp_path: Path) -> None:
    rewritten(table, lambda columns: columns.pop("fps"))

    with pytest.raises(InputError, match="lacks the column fps"):
        import_tables([table], tmp_path / "copy")


def test_a_bare_table_of_nemo_is_refused(tmp_path: Path) -> None:
    rows = {"id": ["00000000-0000-0000-0000-000000000000"], "embedding": [[1.0, 0.0, 0.0, 0.0]]}
    parquet.write_table(arrow.table(rows), tmp_path / "nemo.parquet")

    with pytest.raises(InputError, match="does not say which file and which seconds"):
        import_tables([tmp_path / "nemo.parquet"], tmp_path / "copy")


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(content)

    with pytest.raises(InputError, match="as a parquet file") as refused:
        import_tables([tmp_path / "table.parquet"], tmp_path / "copy")

    assert "\n" not in str(refused.value)


def test_a_damaged_table_is_refused_and_whole_videos_stay(table: Path, tmp_path: Path) -> None:
    content = bytearray(table.read_bytes())
    content[100:400] = bytes(300)
    table.write_bytes(content)

    with pytest.raises(InputError):
        import_tables([table], tmp_path / "copy")

    with Library.open(tmp_path / "copy") as copy:
        assert copy.verify() == []


@settings(max_examples=4, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(1, 12)),
        max_size=6,
        unique_by=lambda place: place[0],
    ),
    cut=st.integers(0, 6),
)
def test_any_library_comes_back_in_one_table_or_in_two(
    places: list[tuple[int, int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("exported")
    with Library.create(folder / "lib", SETTINGS) as library:
        with library.writer() as writer:
            for path, seed, num_segments in places:
                video_id = put_rich(writer, f"/{path}.mp4", seed, num_segments=num_segments)
        if places:
            tag(library, video_id, "last", user={"stars": cut})
        for name, text in (("a", _low(cut)), ("b", f"not ({_low(cut)})")):
            where = parse_filter(text)
            export_library(library, folder / f"{name}.parquet", where=where)

        import_tables([folder], folder / "copy")

        with Library.open(folder / "copy") as copy:
            assert contents(copy) == contents(library)
            assert answers(copy, 3) == answers(library, 3)


def _low(cut: int) -> str:
    return " or ".join(f"name:{i}" for i in range(cut)) or "name:none"
