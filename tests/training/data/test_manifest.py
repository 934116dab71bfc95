"""A CSV of videos: what it may look like, and what is said when it cannot be used."""

import pytest

from cpd_model.errors import InputError
from training.data.manifest import read_manifest, videos_of


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
    assert (first.written_path, first.caption, first.label) == ("a/b.mp4", "a dog, running", "run")
    assert (second.path, second.caption, second.label) == (tmp_path / "c.gif", "", "")


def test_one_file_is_one_video_however_its_rows_write_it(write, tmp_path):
    rows = read_manifest(write("path,caption\na.mp4,one\n./x/../a.mp4,two\nb.mp4,three\n"))

    assert [row.caption for row in rows] == ["one", "two", "three"]
    assert videos_of(rows) == [tmp_path / "a.mp4", tmp_path / "b.mp4"]


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

    assert (row.written_path, row.caption) == ("a.mp4", "x")


def test_missing_columns_and_cells_are_empty(write):
    (row,) = read_manifest(write("path,caption\na.mp4\n"))

    assert (row.caption, row.label) == ("", "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("", "no column path", id="empty file"),
        pytest.param("file,caption\na.mp4,x\n", "no column path", id="no path column"),
        pytest.param("path,caption\n", "no row below its header", id="header alone"),
        pytest.param(
            "path,caption\na.mp4,x\n,y\n", "line 3: the column path is empty", id="no path"
        ),
        pytest.param(b"path\n\xff\xfe.mp4\n", "UTF-8 CSV", id="no UTF-8"),
        pytest.param("path\n" + "x" * 200_000, "UTF-8 CSV", id="an endless cell"),
    ],
)
def test_an_unusable_manifest_is_one_sentence(write, content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_manifest(write(content))


def test_a_missing_manifest_and_a_folder_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no manifest"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot read"):
        read_manifest(tmp_path)
