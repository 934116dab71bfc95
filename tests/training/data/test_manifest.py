"""Lists of videos: what they may look like, and what is said when one cannot be used."""

from pathlib import Path

import pytest

from cpd_model.errors import InputError
from training.data.manifest import read_manifest, videos_of
from training.data.pair import ManifestRow


@pytest.fixture
def write(tmp_path):
    def write(content, name="clips.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_paths_are_relative_to_the_csv_and_other_columns_are_ignored(write, tmp_path):
    manifest = write('label,path,width,caption\nrun,a/b.mp4,320,"a dog, running"\n,c.gif,,\n')

    first, second = read_manifest(manifest)

    assert first.path == tmp_path / "a" / "b.mp4"
    assert (first.written_path, first.captions) == ("a/b.mp4", ("a dog, running",))
    assert (first.label, second.label) == ("run", "")
    assert (second.path, second.captions) == (tmp_path / "c.gif", ())


def test_one_file_is_one_video_however_its_rows_write_it(write, tmp_path):
    rows = read_manifest(write("path,caption\na.mp4,one\n./x/../a.mp4,two\nb.mp4,three\n"))

    assert [row.captions for row in rows] == [("one",), ("two",), ("three",)]
    assert list(videos_of(rows)) == [tmp_path / "a.mp4", tmp_path / "b.mp4"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("\ufeffpath,caption\na.mp4,x\n", id="byte order mark"),
        pytest.param("path , caption\r\n a.mp4 , x \r\n\r\n", id="spaces, CRLF, blank line"),
        pytest.param("path,caption\na.mp4,x\n,\n", id="a row of empty cells"),
        pytest.param("path,caption\na.mp4,x,more,cells\n", id="more cells than columns"),
    ],
)
def test_what_spreadsheets_write_is_read(write, content):
    (row,) = read_manifest(write(content))

    assert (row.written_path, row.captions) == ("a.mp4", ("x",))


def test_missing_columns_and_cells_are_empty(write):
    (row,) = read_manifest(write("path,caption\na.mp4\n"))

    assert (row.captions, row.label) == ((), "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("", "no column path", id="empty file"),
        pytest.param("file,caption\na.mp4,x\n", "no column path", id="no path column"),
        pytest.param("path,caption\n", "holds no video; add a row", id="header alone"),
        pytest.param(
            "path,caption\na.mp4,x\n,y\n", "line 3: the column path is empty", id="no path"
        ),
        pytest.param(b"path\n\xff\xfe.mp4\n", "UTF-8 CSV", id="no UTF-8"),
        pytest.param(
            "path,caption\na,caf\u00e9\n".encode("latin-1"), "save it as UTF-8", id="latin-1"
        ),
        pytest.param("path,caption\na,x\n".encode("utf-16"), "save it as UTF-8", id="UTF-16"),
        pytest.param("path,caption,caption\na,x,y\n", "two columns caption", id="a column twice"),
        pytest.param("path;caption\na;x\n", "in its first line 'path;caption'", id="semicolons"),
        pytest.param("path,caption\na\0b.mp4,x\n", r"line 2: the path .* holds a null", id="NUL"),
        pytest.param("path\n" + "x" * 200_000, "UTF-8 CSV", id="an endless cell"),
    ],
)
def test_an_unusable_manifest_is_one_sentence(write, content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_manifest(write(content))


def test_a_missing_manifest_and_a_folder_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no list of videos at .*none\.csv; name a CSV"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"no video or picture in .* has a text beside it"):
        read_manifest(tmp_path)


def test_a_folder_called_like_a_list_is_read_as_the_folder_that_it_is(tmp_path):
    folder = tmp_path / "clips.csv"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"")
    (folder / "a.txt").write_text("x")

    assert [row.written_path for row in read_manifest(folder)] == ["a.mp4"]


def test_paths_are_found_from_the_list_not_from_where_one_stands(write, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    source = write("path,caption\nin/a.mp4,x\n../b.mp4,y\n/abs/c.mp4,z\n")
    monkeypatch.chdir(tmp_path / "elsewhere")

    rows = read_manifest(Path("..", source.name))

    assert [row.path for row in rows] == [
        tmp_path / "in" / "a.mp4",
        tmp_path.parent / "b.mp4",
        Path("/abs/c.mp4"),
    ]


def test_lines_that_end_in_any_way_are_lines(write):
    for end in ("\n", "\r\n", "\r"):
        rows = read_manifest(write(f"path,caption{end}a.mp4,x{end}b.mp4,y{end}"))

        assert [(row.written_path, row.captions) for row in rows] == [
            ("a.mp4", ("x",)),
            ("b.mp4", ("y",)),
        ]


JSONL = (
    '{"path": "a", "captions": ["one", "two"], "label": "run", "group": 7, "split": "val"}\n'
    '{"path": "b.mp4", "caption": "three", "label": ["run", "jump"], "split": "train/test/-"}\n'
    '{"path": "b.mp4", "split1": "training", "split3": "test"}\n'
)


def test_jsonl_says_what_a_csv_says(write, tmp_path):
    first, second, third = read_manifest(write(JSONL, "clips.jsonl"))

    assert first == ManifestRow(
        where="clips.jsonl, line 1",
        id="a",
        path=tmp_path / "a",
        written_path="a",
        captions=("one", "two"),
        label="run",
        group="7",
        split="val",
        parts=("val",),
    )
    assert (second.label, second.parts) == ("", ("train", "test", ""))  # two labels are no class
    assert third.parts == ("train", "", "test")
    assert third.id == second.id == "b.mp4"


def test_parquet_says_what_jsonl_says(write, tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"path": "a", "captions": ["one"], "label": "run", "group": 3.0},
        {"path": "b", "captions": None, "label": None, "group": float("nan")},
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "clips.parquet")

    first, second = read_manifest(tmp_path / "clips.parquet")

    assert (first.captions, first.label, first.group) == (("one",), "run", "3")
    assert (second.captions, second.label, second.group) == ((), "", "")
    assert second.where == "clips.parquet, row 2"


def test_texts_beside_media_may_tell_label_split_and_group(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "a.json").write_text(
        '{"caption": "x", "label": "run", "split": "val", "group": "g"}'
    )

    (row,) = read_manifest(tmp_path)

    assert (row.address, row.written_path) == (tmp_path / "a.mp4", "a.mp4")
    assert (row.captions, row.label, row.split, row.group) == (("x",), "run", "val", "g")


def test_one_split_is_read_alone_and_an_unknown_one_names_those_there_are(write):
    source = write("path,split,split1\na,val,\nb,train,\nc,,test\n")

    assert [row.id for row in read_manifest(source, split="val")] == ["a"]
    with pytest.raises(InputError, match="no row of the split test: its splits are train, val"):
        read_manifest(source, split="test")
