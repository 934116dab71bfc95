"""`cpd index meta`: what one says of videos, as a person types it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.index.cli.conftest import Call


@pytest.fixture
def own(lib: Path, tmp_path: Path) -> Path:
    """A copy of the library, to change."""
    return shutil.copytree(lib, tmp_path / "lib")


def test_what_is_set_is_read_and_unset(call: Call, own: Path, videos: Path) -> None:
    red, where = videos / "red.mp4", ("--library", own)

    done = call("index", "meta", "set", red, "camera=A7", "rating=4", "gps.lat=1.5", *where)
    told = json.loads(call("index", "meta", "get", red, *where, "--json").out)
    shown = call("index", "meta", "get", red, "--texts", *where).out
    would = call("index", "meta", "unset", red, "rating", "--dry-run", *where).out
    unset = call("index", "meta", "unset", red, "rating", *where).out
    after = json.loads(call("index", "meta", "get", red, *where, "--json").out)

    assert (done.code, done.out) == (0, "set on 1 video\n")
    assert told["user"] == {"camera": "A7", "rating": 4, "gps": {"lat": 1.5}}
    assert told["merged"] == {**told["container"], **told["user"]}
    for word in ("camera", "A7", "user", "gps.lat", "red", "name"):
        assert word in shown
    assert (would, unset) == ("would be unset on 1 video\n", "unset on 1 video\n")
    assert after["user"] == {"camera": "A7", "gps": {"lat": 1.5}}


def test_a_filter_stands_for_its_videos(call: Call, own: Path) -> None:
    where = ("--library", own)

    done = call("index", "meta", "set", "--where", "duration>5", "long=true", *where, "--json")
    none = call("index", "meta", "set", "--where", "duration>500", "long=true", *where)
    back = call("index", "meta", "unset", "--where", "meta.long=true", "long", *where)

    assert json.loads(done.out) == {"videos": 1, "unknown": []}
    assert none.out == "set on 0 videos\n"
    assert back.out == "unset on 1 video\n"


def test_a_list_says_something_of_each(call: Call, own: Path, videos: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(f"path,scene\n{videos}/red.mp4,1\n{videos}/green.mp4,2\ngone.mp4,3\n")

    done = call("index", "meta", "set", "--from", table, "--library", own)

    assert done.code == 1
    assert done.out.startswith("set on 2 videos\nnot in the library: ")
    assert "gone.mp4" in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("set",), "name a video by PATH or ID, or videos by --where, and then KEY=VALUE"),
        (("set", "{red}"), "nothing to do: KEY=VALUE is missing behind the video"),
        (("set", "{red}", "camera"), "'camera' is no KEY=VALUE: write one such as camera=A7"),
        (("set", "{red}", "a=1", "b=2", "a=3"), "the key 'a' is given twice: say one of them"),
        (
            ("set", "{red}", "gps.lat=5", "gps.lat.x=5"),
            "'gps.lat.x' reaches into 'gps.lat', which is set beside it: set one of them",
        ),
        (
            ("set", "{red}", "gps.lat=5", "gps=null"),
            "'gps.lat' reaches into 'gps', which is set beside it: set one of them",
        ),
        (("set", "{red}", "=5"), "'' cannot be a key"),
        (("set", "/gone.mp4", "a=1"), "no video /gone.mp4 in this library: name it by the path"),
        (("set", "a=1", "--from", "x.csv"), "--from takes videos and values from its list"),
        (("set", "--where", "durtion>5", "a=1"), "duration"),
        (("unset", "{red}"), "nothing to do: KEY is missing behind the video"),
        (("get", "f" * 32), f"no video {'f' * 32} in this library"),
    ],
)
def test_a_slip_of_the_pen_is_one_sentence(
    call: Call, lib: Path, videos: Path, words: tuple[str, ...], sentence: str
) -> None:
    asked = [word.format(red=videos / "red.mp4") for word in words]

    done = call("index", "meta", *asked, "--library", lib)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


def test_a_broken_sidecar_is_shown_and_is_no_failure(
    call: Call, bundle: Path, videos: Path, tmp_path: Path
) -> None:
    shutil.copy(videos / "red.mp4", tmp_path / "red.mp4")
    (tmp_path / "red.json").write_text("{")
    words = ("--library", tmp_path / "lib", "--model", bundle, "--workers", 1)

    done = call("index", "add", tmp_path / "red.mp4", *words)

    assert done.code == 0
    assert "1 added" in done.out
    assert "red.json" in done.out
    assert "it is not JSON" in done.out
