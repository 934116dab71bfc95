"""Lists of metadata as people write them; a slip of the pen is one sentence with its line."""

from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.library.metadata_lists import parse_value, read_metadata_list

ID = "0123456789abcdef" * 2


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_json_object_a_line(tmp_path: Path) -> None:
    lines = f'{{"path": "a.mp4", "gps": {{"lat": 1}}}}\n\n{{"id": "{ID}", "n": null}}\n'

    assert list(read_metadata_list(write(tmp_path, "list.jsonl", lines))) == [
        (str(tmp_path / "a.mp4"), {"gps": {"lat": 1}}),
        (ID, {"n": None}),
    ]


def test_a_table(tmp_path: Path) -> None:
    table = (
        "\ufeffpath,id,camera,gps.lat,tags,note\r\n"
        '/v/a.mp4,,A7,1.5,"[""x"", 2]",\r\n'
        f',{ID},,,,"two\nlines"\r\n'
    )

    assert list(read_metadata_list(write(tmp_path, "list.CSV", table))) == [
        ("/v/a.mp4", {"camera": "A7", "gps.lat": 1.5, "tags": ["x", 2]}),
        (ID, {"note": "two\nlines"}),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("true", True),
        ("null", None),
        ('"4"', "4"),
        ('{"a": [1]}', {"a": [1]}),
        ("A7", "A7"),
        ("2024-05-01", "2024-05-01"),
        ("NaN", "NaN"),
        ("007", "007"),
        ("", ""),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_values_are_json_where_they_can_be(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("list.txt", "", "is no list of metadata: name a .jsonl or a .csv file"),
        ("list.jsonl", '{"path": "a"}\n{', r"line 2 of .*list.jsonl: it is not JSON"),
        ("list.jsonl", '{"a": 1}', "line 1 of .*: it must name a video by path or by id"),
        ("list.jsonl", '{"path": "a", "id": "b"}', "by one of them"),
        ("list.jsonl", '{"path": 5}', "the path or id of a video is a text"),
        ("list.jsonl", '{"path": "a\\u0000"}', r"line 1 of .*no file can be named a.x00"),
        ("list.jsonl", '{"path": "a\\ud800"}', r"line 1 of .*no file can be named a.ud800"),
        ("list.jsonl", b"\xff\xfe{", "cannot read .*list.jsonl: 'utf-8' codec"),
        ("list.csv", "", "needs a column path or id"),
        ("list.csv", "path,a,a\nx,1,2", "no column twice"),
        ("list.csv", "path,a\nx,1,2", "line 2 of .*: it has more cells"),
        ("list.csv", 'path,a\nx,"1', "cannot read .*: unexpected end of data"),
    ],
)
def test_a_slip_of_the_pen_is_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        list(read_metadata_list(write(tmp_path, name, content)))


def test_a_list_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*gone.csv: No such file"):
        list(read_metadata_list(tmp_path / "gone.csv"))
