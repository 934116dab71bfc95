"""Subtitles as texts with times: SubRip (.srt) and WebVTT (.vtt), read by one rule.

A line with two times begins a cue, and the lines up to the next blank one are its text, so that
what people and programs get wrong (no numbers, no header, commas for points, notes between cues)
does not matter. Libraries were measured with the files of tests/index/sidecars: webvtt-py refuses a
.srt without numbers, pysubs2 takes the word times of YouTube's captions for cues; neither decodes
entities.
"""

import html
import re
from typing import NamedTuple

from cpd_model.errors import InputError

MOST_CUES = 100_000

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|</?>|<[\d:.]+>|\{\\[^{}]*\}")
"""<i>, </c>, <v Anna>, <00:00:01.500>, {\\an8}; `5 < 6` stays."""


class Cue(NamedTuple):
    """A text that stands for a while."""

    start_seconds: float
    stop_seconds: float
    body: str
    """Plain text, words separated by one space."""


def read_cues(text: str) -> list[Cue]:
    """The cues of a subtitle file by their time, markup stripped, empty ones left out.

    Captions that scroll show each line twice, as the lower and then as the upper one: a line that
    the cue before showed too is left out.

    Raises:
        InputError: not a single cue is in it, or too many; the sentence does not name the file.
    """
    cues: list[Cue] = []
    shown: list[str] = []
    num_blocks = 0
    for start_seconds, stop_seconds, lines in _blocks(text.split("\n")):
        num_blocks += 1
        plain = [body for line in lines if (body := _plain(line))]
        new = [line for line in plain if line not in shown]
        shown = plain or shown
        if new and stop_seconds >= start_seconds:
            cues.append(Cue(start_seconds, stop_seconds, " ".join(new)))
    if not num_blocks and text.strip() and not text.startswith("WEBVTT"):
        raise InputError("it holds no subtitle: no line such as 00:00:01,000 --> 00:00:04,000")
    if len(cues) > MOST_CUES:
        raise InputError(f"it holds {len(cues)} subtitles, and at most {MOST_CUES} are taken")
    return sorted(cues)


def _blocks(lines: list[str]) -> list[tuple[float, float, list[str]]]:
    blocks: list[tuple[float, float, list[str]]] = []
    inside = False
    for place, line in enumerate(lines):
        times = _TIMES.fullmatch(line)
        if times is not None:
            values = times.groups()
            blocks.append((_seconds(values[:4]), _seconds(values[4:]), []))
            inside = True
        elif not line.strip():
            # A blank line ends a text; before one it belongs to a careless writer.
            inside = inside and not blocks[-1][2]
        elif inside and not _is_number_of_next(lines, place):
            blocks[-1][2].append(line)
    return blocks


def _is_number_of_next(lines: list[str], place: int) -> bool:
    following = lines[place + 1] if place + 1 < len(lines) else ""
    return lines[place].strip().isdigit() and _TIMES.fullmatch(following) is not None


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction.ljust(3, "0")) / 1000


def _plain(line: str) -> str:
    return " ".join(html.unescape(_MARKUP.sub("", line)).split())
