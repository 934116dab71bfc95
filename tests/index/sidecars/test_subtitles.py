"""Subtitles as the programs of this world write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.sidecars.subtitles import Cue, read_cues

VTT = """WEBVTT
Kind: captions

STYLE
::cue { color: red }

NOTE a note
on two lines

intro
00:01.000 --> 00:03.500 align:start position:0%
<v Roger>Hello <c.yellow>there</c> &amp; you

NOTE between

second
01:00:03.500 --> 01:00:05.000
&lt;b&gt; stays
- second line
"""

YOUTUBE = """WEBVTT

00:00:00.000 --> 00:00:02.000 align:start position:0%

the<00:00:00.500><c> dog</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
the dog


00:00:02.010 --> 00:00:04.000 align:start position:0%
the dog
runs<00:00:03.000><c> away</c>
"""


def test_webvtt_with_all_its_ornaments() -> None:
    assert read_cues(VTT) == [
        Cue(1.0, 3.5, "Hello there & you"),
        Cue(3603.5, 3605.0, "<b> stays - second line"),
    ]


def test_captions_that_scroll_say_each_line_once() -> None:
    assert read_cues(YOUTUBE) == [Cue(0.0, 2.0, "the dog"), Cue(2.01, 4.0, "runs away")]


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("1\n00:00:01,000 --> 00:00:02,500\nplain\n", Cue(1, 2.5, "plain")),
        ("00:00:01,000 --> 00:00:02,500\nno number", Cue(1, 2.5, "no number")),
        ("\n\n1 \n00:00:01.000 --> 00:00:02.5 X1:3 Y1:4\npoints\n", Cue(1, 2.5, "points")),
        ("1\n0:0:1,5 --> 00:02\n\nblank before", Cue(1.5, 2, "blank before")),
        ("1\n00:00:01 --> 00:00:02\n<i>a</i> <font color='#fff'>b</font>", Cue(1, 2, "a b")),
        (
            "1\n00:00:01 --> 00:00:02\n{\\an8}top 5 < 6 > 4 {curly}",
            Cue(1, 2, "top 5 < 6 > 4 {curly}"),
        ),
        ("1\n00:00:01 --> 00:00:02\n42\n", Cue(1, 2, "42")),
        ("1\n100:00:01 --> 100:00:02\nlong film\n", Cue(360001, 360002, "long film")),
    ],
)
def test_subrip_as_it_is_written(text: str, cue: Cue) -> None:
    assert read_cues(text) == [cue]


def test_numbers_without_blank_lines_part_cues() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:02,000 --> 00:00:03,000\nb"

    assert read_cues(text) == [Cue(1, 2, "a"), Cue(2, 3, "b")]


def test_what_says_nothing_or_runs_backwards_is_left_out() -> None:
    text = "00:01 --> 00:02\n<i></i>\n\n00:05 --> 00:04\nback\n\n00:06 --> 00:07\nok"

    assert read_cues(text) == [Cue(6, 7, "ok")]


@pytest.mark.parametrize("text", ["", "\n", "WEBVTT\n", "WEBVTT - title\n\nNOTE nothing\n"])
def test_no_subtitle_need_be_in_it(text: str) -> None:
    assert read_cues(text) == []


def test_another_text_is_told() -> None:
    with pytest.raises(InputError, match="no subtitle: no line such as 00:00:01,000 --> "):
        read_cues("Dear diary,\ntoday")


@given(st.text())
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        cues = read_cues(text)
    except InputError:
        return
    assert all(cue.start_seconds <= cue.stop_seconds and cue.body.strip() for cue in cues)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**7),
            st.integers(0, 10**5),
            st.from_regex(r"[a-z]+( [a-z]+){0,3}", fullmatch=True),
        ),
        unique_by=lambda cue: cue[2],
    )
)
def test_what_was_written_is_read(cues: list[tuple[int, int, str]]) -> None:
    def clock(milliseconds: int) -> str:
        seconds, rest = divmod(milliseconds, 1000)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"

    text = "\n".join(
        f"{number}\n{clock(start)} --> {clock(start + length)}\n{body}\n"
        for number, (start, length, body) in enumerate(cues)
    )

    expected = sorted(
        Cue(start / 1000, (start + length) / 1000, body) for start, length, body in cues
    )
    found = read_cues(text)
    assert [cue.body for cue in found] == [cue.body for cue in expected]
    assert [x for cue in found for x in cue[:2]] == pytest.approx(
        [x for cue in expected for x in cue[:2]]
    )
