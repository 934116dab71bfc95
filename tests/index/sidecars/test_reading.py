"""What sidecars say together, and what of a broken one is told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from index.sidecars.finding import SidecarFinder
from index.sidecars.reading import SidecarContent, read_sidecars
from index.sidecars.subtitles import Cue

INFO: dict[str, Any] = {
    "id": "abc",
    "title": "A dog at the beach",
    "description": "It catches\na frisbee.",
    "upload_date": "20240501",
    "uploader": "Ann",
    "tags": ["dog", "beach"],
    "categories": [],
    "location": "Brighton",
    "webpage_url": "https://example.org/abc",
    "duration": 12,
    "formats": [{"url": "x" * 1000} for _ in range(3000)],
    "automatic_captions": {"de": [{"ext": "vtt"}]},
}

GERMAN = "Ein Hund l\u00e4uft \u00fcber die Stra\u00dfe"
FRENCH = "Caf\u00e9 d\u00e9j\u00e0 vu"
CZECH = "Pes b\u011b\u017e\u00ed po pl\u00e1\u017ei a \u0161\u0165astn\u011b \u0161t\u011bk\u00e1"
RUSSIAN = (
    "\u0421\u043e\u0431\u0430\u043a\u0430 \u0431\u0435\u0436\u0438\u0442 "
    "\u0437\u0430 \u043c\u044f\u0447\u043e\u043c"
)
CHINESE = "\u72d7\u5728\u6d77\u6ee9\u4e0a\u5954\u8dd1,\u8ffd\u7740\u7ea2\u8272\u7684\u7403"
JAPANESE = (
    "\u72ac\u304c\u6d5c\u8fba\u3092\u8d70\u3063\u3066\u3044\u307e\u3059\u3002\u3068"
    "\u3066\u3082\u697d\u3057\u305d\u3046\u3067\u3059\u306d\u3002\u30dc\u30fc\u30eb"
    "\u3092\u8ffd\u3044\u304b\u3051\u3066\u3044\u308b\u3002"
)
KOREAN = "\uac1c\uac00 \ud574\ubcc0\uc5d0\uc11c \ub6f0\uace0 \uc788\uc2b5\ub2c8\ub2e4"


def read(folder: Path, **files: str | bytes) -> SidecarContent:
    """Write sidecars of clip.mp4 (`_` stands for a point) and read them."""
    (folder / "clip.mp4").touch()
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / f"clip.{name.replace('_', '.')}").write_bytes(raw)
    return read_sidecars(SidecarFinder().beside(folder / "clip.mp4"))


def test_no_sidecar_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == SidecarContent({}, [], [])


def test_free_json_is_taken_as_it_is(tmp_path: Path) -> None:
    document = {"camera": "A7", "gps": {"lat": 1.5}, "takes": [1, 2], "good": True}

    assert read(tmp_path, json=json.dumps(document)).document == document


def test_yt_dlp_s_words_become_ours(tmp_path: Path) -> None:
    content = read(tmp_path, info_json=json.dumps(INFO))

    assert content.broken == []
    assert content.document == {
        "title": "A dog at the beach",
        "caption": "It catches\na frisbee.",
        "place": "Brighton",
        "date": "2024-05-01",
        "uploader": "Ann",
        "tags": ["dog", "beach"],
        "webpage_url": "https://example.org/abc",
        "id": "abc",
    }


def test_a_timestamp_tells_more_than_a_day(tmp_path: Path) -> None:
    info = INFO | {"timestamp": 1714557600}

    date = read(tmp_path, info_json=json.dumps(info)).document["date"]

    assert date == "2024-05-01T10:00:00+00:00"


@pytest.mark.parametrize("date", [None, "soon", 10**18, [], True])
def test_a_date_that_is_none_is_left_out(tmp_path: Path, date: object) -> None:
    info = {"title": "x", "timestamp": date}

    assert read(tmp_path, info_json=json.dumps(info)).document == {"title": "x"}


def test_json_counts_before_info_before_text(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        txt="from text",
        info_json=json.dumps({"title": "from info", "description": "from info"}),
        json='{"title": "from json"}',
    )

    assert content.document == {"title": "from json", "caption": "from info"}


def test_a_text_is_a_caption(tmp_path: Path) -> None:
    assert read(tmp_path, txt="\n A dog\r\nruns. \n").document == {"caption": "A dog\nruns."}


def test_subtitles_of_all_languages_are_joined_by_time(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        en_srt="1\n00:00:05,000 --> 00:00:06,000\nhello",
        de_vtt="WEBVTT\n\n00:01.000 --> 00:02.000\nhallo\n\n00:05.000 --> 00:06.000\nhello",
    )

    assert content.cues == [Cue(1, 2, "hallo"), Cue(5, 6, "hello")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (CHINESE, "gb18030"),
        (JAPANESE, "cp932"),
        (KOREAN, "cp949"),
    ],
)
def test_texts_of_before_unicode_are_understood(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, txt=text.encode(encoding)).document == {"caption": text}


def test_bytes_that_fit_nothing_are_no_failure(tmp_path: Path) -> None:
    content = read(tmp_path, txt=b"\xff\xfea\0\xff", srt=b"1\n00:01 --> 00:02\na\x81b\0c")

    assert content.broken == []
    assert "\0" not in str(content.document["caption"])
    assert [cue.start_seconds for cue in content.cues] == [1.0]


@pytest.mark.parametrize(
    ("name", "written", "reason"),
    [
        ("json", "{", "it is not JSON: Expecting property name"),
        ("json", "", "it is not JSON: Expecting value"),
        ("json", "[1]", "it must hold a JSON object, {...}, and holds a list"),
        ("json", '{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        ("json", '{"a": NaN}', "NaN is no JSON number"),
        ("json", '{"a": 1e999}', "a number in it is too large"),
        ("json", '{"a": ' + "9" * 5000 + "}", "a number is too long"),
        ("json", "[" * 10**6, "more than 32 levels"),
        ("json", '{"a":' * 40 + "1" + "}" * 40, "more than 32 levels"),
        ("json", json.dumps({"a": list(range(10_001))}), "10001 values, and at most 10000"),
        ("json", json.dumps({"a": "x" * 2_000_000}), "characters as JSON"),
        ("info_json", '"text"', "holds a text"),
        ("info_json", json.dumps({"description": "x" * 2_000_000}), "characters as JSON"),
        ("srt", "Dear diary", "it holds no subtitle"),
    ],
)
def test_a_broken_sidecar_is_told_and_hides_no_other(
    tmp_path: Path, name: str, written: str, reason: str
) -> None:
    content = read(tmp_path, txt="whole", **{name: written})

    assert content.document == {"caption": "whole"}
    assert [broken.path.name for broken in content.broken] == [f"clip.{name.replace('_', '.')}"]
    assert reason in content.broken[0].reason


@pytest.mark.parametrize("extension", ["txt", "json", "srt"])
def test_a_huge_file_is_not_read(tmp_path: Path, extension: str) -> None:
    (tmp_path / f"clip.{extension}").touch()
    os.truncate(tmp_path / f"clip.{extension}", 2 << 30)

    (broken,) = read(tmp_path).broken

    assert f"MiB of a .{extension} are read" in broken.reason


def test_a_sidecar_that_is_gone_meanwhile_is_told(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "clip.txt").touch()
    sidecars = SidecarFinder().beside(tmp_path / "clip.mp4")
    (tmp_path / "clip.txt").unlink()

    assert read_sidecars(sidecars).broken[0].reason == "no such file or directory"
