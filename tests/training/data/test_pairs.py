"""Lists of pairs: what they may look like, and what is said when one cannot be used."""

import json
import pickle
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from training.data.copies import shared_videos
from training.data.pairs import Pair, TarMember, read_pairs


@pytest.fixture
def write(tmp_path):
    def write(content, name="pairs.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def as_lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_csv_has_one_pair_a_path_with_the_captions_of_all_its_rows(write, tmp_path):
    pairs = read_pairs(
        write("path,caption,split\na.mp4,one,train\nb/c.jpg, two ,val\n./a.mp4,three,train\n")
    )

    assert pairs == [
        Pair(id="a.mp4", path=tmp_path / "a.mp4", captions=("one", "three"), split="train"),
        Pair(id="b/c.jpg", path=tmp_path / "b" / "c.jpg", captions=("two",), split="val"),
    ]


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.NDJSON"])
def test_jsonl_has_lists_of_captions_and_ids(write, tmp_path, name):
    first = {"id": 7, "path": "a", "captions": ["one", " ", "two\n words"], "split": None}
    second = {"path": "b", "caption": "three", "captions": ["four"], "more": {"x": 1}}

    pairs = read_pairs(write("\ufeff" + as_lines(first) + "\n" + as_lines(second), name))

    assert pairs == [
        Pair(id="7", path=tmp_path / "a", captions=("one", "two words")),
        Pair(id="b", path=tmp_path / "b", captions=("three", "four")),
    ]


def test_parquet_is_read_as_jsonl_is(tmp_path, write):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"path": "a", "captions": ["one", "two"]}, {"path": "b", "captions": ["three"]}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "pairs.parquet")

    assert read_pairs(tmp_path / "pairs.parquet") == read_pairs(write(as_lines(*rows), "p.jsonl"))
    with pytest.raises(InputError, match=r"cannot read x\.parquet as a parquet file"):
        read_pairs(write("no parquet", "x.parquet"))


def test_parquet_without_pyarrow_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InputError, match=r"pip install 'cpd\[parquet\]'"):
        read_pairs(write("x", "pairs.parquet"))


def test_rows_without_a_caption_are_left_out(write):
    pairs = read_pairs(write("path,caption\na.mp4,\nb.mp4,x\nc.mp4,y\na.mp4,\n"))

    assert [pair.id for pair in pairs] == ["b.mp4", "c.mp4"]


def test_one_split_is_read_alone(write):
    pairs = write("path,caption,split\na,1,train\nb,2,val\nc,3,train\nd,4,val\na,5,val\n")

    assert [pair.id for pair in read_pairs(pairs, split="train")] == ["a", "c"]
    assert [pair.captions for pair in read_pairs(pairs, split="val")] == [("2",), ("4",), ("5",)]


def test_a_video_of_two_splits_is_a_pair_in_each_and_is_told(write):
    pairs = read_pairs(write("path,caption,split\na,1,train\nb,2,val\na,3,val\na,4,train\n"))

    assert [(pair.id, pair.captions) for pair in pairs] == [
        ("a", ("1", "4")),
        ("b", ("2",)),
        ("a", ("3",)),
    ]
    train, val = ([pair for pair in pairs if pair.split == part] for part in ("train", "val"))
    assert [both.video.captions for both in shared_videos(train, val)] == [("3",)]


def test_a_label_becomes_a_caption_when_asked(write):
    pairs = write("path,label,caption\na,PushUps,x\nb,brush_hair,\n")

    learned = read_pairs(pairs, caption_from="label")

    assert [pair.captions for pair in learned] == [("push ups",), ("brush hair",)]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        pytest.param("", "p.csv", "no column path", id="empty csv"),
        pytest.param("", "p.jsonl", r"p\.jsonl holds no video", id="empty jsonl"),
        pytest.param("path,caption\n", "p.csv", "holds no video", id="header alone"),
        pytest.param("path,label\na,b\n", "p.csv", "no column caption or captions; .*path, label"),
        pytest.param("path,caption\na,\nb,\n", "p.csv", "no row in p.csv has a caption"),
        pytest.param(
            "path,caption,id\na,x,1\nb,y,1\n", "p.csv", "line 3: the id 1 is that of another"
        ),
        pytest.param("path,caption\na,x\n./a,y\n", "p.csv", "of one video, a: .*nothing to tell"),
        pytest.param(b"path,caption\na,\xff\xfe\n", "p.csv", "UTF-8"),
        pytest.param(b'{"path": "\xff"}\n', "p.jsonl", "UTF-8"),
        pytest.param('{"path": "a", "caption": "x"}\n{"path"\n', "p.jsonl", "line 2 is no JSON"),
        pytest.param("[1]\n", "p.jsonl", "line 1 holds no JSON object"),
        pytest.param('{"caption": "x"}\n', "p.jsonl", "line 1: the column path is empty"),
        pytest.param('{"path": ["a"], "caption": "x"}\n', "p.jsonl", "column path must be text"),
        pytest.param('{"path": "a", "caption": 1}\n', "p.jsonl", "line 1: captions must be a text"),
        pytest.param('{"path": "a", "captions": [1]}', "p.jsonl", "captions must be a text or a"),
        pytest.param("x", "p.docx", r"p\.docx is no list of videos: expected \.csv"),
    ],
)
def test_an_unusable_list_is_one_sentence(write, content, name, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        read_pairs(write(content, name))

    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no list of videos at .*none\.csv; name a CSV"):
        read_pairs(tmp_path / "none.csv")


def test_an_unknown_split_names_those_there_are(write):
    with pytest.raises(InputError, match="no row of the split test: its splits are train, val"):
        read_pairs(write("path,caption,split\na,1,val\nb,2,train\nc,3,\n"), split="test")
    with pytest.raises(InputError, match="no row names a split"):
        read_pairs(write("path,caption\na,1\nb,2\n"), split="test")


def test_an_unknown_column_names_those_there_are(write):
    with pytest.raises(InputError, match="no column title; its columns are path, caption"):
        read_pairs(write("path,caption\na,1\nb,2\n"), caption_from="title")


def make_tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_is_read_by_the_texts_beside_its_media(tmp_path):
    folder = make_tree(
        tmp_path / "clips",
        {
            "b.mp4": "", "b.txt": "\ufeffone\n\ntwo\n",
            "a.JPG": "", "a.json": '{"caption": "three", "split": "val"}',
            "in/c.webm": "", "in/c.info.json": '{"title": "four", "id": "x"}',
            "in/d.mkv": "", "in/d.json": '{"captions": ["five", "six"]}', "in/d.txt": "not this",
            "in/e.v2.mp4": "", "in/e.v2.json": '{"title": "seven"}', "in/e.v2.txt": "",
            "walk/1.jpg": "", "walk/1.txt": "not this", "walk.txt": "eight",
            "alone.mp4": "", "readme.md": "", "stray.txt": "x", ".h.mp4": "", ".h.txt": "x",
        },
    )  # fmt: skip

    pairs = read_pairs(folder)

    assert {pair.id: pair.captions for pair in pairs} == {
        "a.JPG": ("three",),
        "b.mp4": ("one", "two"),
        "walk": ("eight",),
        "in/c.webm": ("four",),
        "in/d.mkv": ("five", "six"),
        "in/e.v2.mp4": ("seven",),
    }
    assert [pair.split for pair in pairs] == ["val", "", "", "", "", ""]
    assert pairs[3].path == folder / "in" / "c.webm"


def test_a_link_that_leads_back_up_is_walked_once(tmp_path):
    folder = make_tree(tmp_path / "x", {"a.mp4": "", "a.txt": "1", "in/b.mp4": "", "in/b.txt": "2"})
    (folder / "in" / "up").symlink_to(folder)

    assert [pair.id for pair in read_pairs(folder)] == ["a.mp4", "in/b.mp4"]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        pytest.param({}, "has a text beside it; expected", id="empty"),
        pytest.param({"a.mp4": ""}, "has a text beside it; expected", id="no texts"),
        pytest.param({"a.mp4": "", "a.json": "{"}, r"a\.json is no JSON", id="broken json"),
        pytest.param({"a.mp4": "", "a.txt": b"\xff"}, r"a\.txt is not UTF-8", id="no UTF-8"),
        pytest.param({"a.mp4": "", "a.json": '{"captions": 3}'}, r"a\.json: captions must be"),
        pytest.param({"a.mp4": "", "a.txt": " "}, "no row in x has a caption", id="empty text"),
        pytest.param({"a.mp4": "", "a.txt": "1"}, r"are of one video, a\.mp4", id="one video"),
    ],
)
def test_an_unusable_folder_is_one_sentence(tmp_path, files, sentence):
    (tmp_path / "x").mkdir()

    with pytest.raises(InputError, match=sentence):
        read_pairs(make_tree(tmp_path / "x", files))


def test_a_folder_has_no_columns(tmp_path):
    with pytest.raises(InputError, match="captions cannot come from label"):
        read_pairs(tmp_path, caption_from="label")


@given(st.lists(st.tuples(st.integers(0, 4), st.text(max_size=5)), max_size=12))
def test_csv_rows_are_collected_as_a_dictionary_would(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("pairs") / "p.jsonl"
    path.write_text(as_lines(*[{"path": f"v{n}", "caption": text} for n, text in rows]))
    expected: dict[str, list[str]] = {}
    for number, text in rows:
        if text.split():
            expected.setdefault(f"v{number}", []).append(" ".join(text.split()))

    if len(expected) < 2:
        with pytest.raises(InputError):
            read_pairs(path)
    else:
        found = read_pairs(path)
        assert {pair.id: list(pair.captions) for pair in found} == expected


def test_a_pair_crosses_into_other_processes():
    member = TarMember("0.mp4", 512, 9)
    sent = Pair(id="a", path=Path("/a"), captions=("x",), members=(member,))

    assert pickle.loads(pickle.dumps(sent)) == sent
