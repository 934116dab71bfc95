"""The words that videos can be found by: titles, captions, transcripts, names of files.

Each is a row of `texts`; SQLite's FTS5 keeps an index of their words beside them, by triggers.
Words are compared without case and accents. What is no letter and no digit parts words.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, select, text

from index.catalog.tables import TextRecord

TextKind: TypeAlias = Literal["title", "caption", "transcript", "name"]

MOST_WORDS = 64
"""Of one question; what comes after them is not looked for."""

FEW_TEXTS = 20_000
"""A word in no more texts than that is always looked for."""

COMMON_PART = 20
"""A word that more than one text in so many holds is common, as `the` is."""

_SNIPPET_WORDS = 16

_LONG = 5_000
"""Characters of a body that FTS5 makes no snippet of: its time grows with the square of the words
that fit, and a caption of a megabyte takes hours."""

_FOUND = """
    SELECT t.video_number, t.kind, t.start_seconds, t.stop_seconds, -f.rank,
           CASE WHEN length(t.body) <= :long
                THEN snippet(texts_fts, 0, '', '', '...', :snippet_words) END,
           CASE WHEN length(t.body) > :long THEN t.body END
    FROM texts_fts AS f CROSS JOIN texts AS t ON t.id = f.rowid
    WHERE texts_fts MATCH :match {restriction}
    ORDER BY f.rank LIMIT :limit
"""
# CROSS JOIN keeps the index of words outermost: then FTS5 itself sorts by rank, and a snippet is
# made of each row that is handed out alone.
_INSERT = (
    "INSERT INTO texts (video_number, kind, body, start_seconds, stop_seconds)"
    " VALUES (?, ?, ?, ?, ?)"
)
_COUNT = text(
    "SELECT count(*) FROM (SELECT 1 FROM texts_fts WHERE texts_fts MATCH :match LIMIT :limit)"
)
_IN_ALL = text(_FOUND.format(restriction=""))
_IN_SOME = text(
    _FOUND.format(restriction="AND t.video_number IN (SELECT value FROM json_each(:videos))")
)


class VideoText(NamedTuple):
    """Words of a video."""

    kind: TextKind
    body: str
    start_seconds: float | None = None
    """When they are said; None where they are of the whole video."""
    stop_seconds: float | None = None


class FoundText(NamedTuple):
    """Words of a video that fit a question."""

    video_number: int
    kind: TextKind
    start_seconds: float | None
    """When they are said; None where they are of the whole video."""
    stop_seconds: float | None
    score: float
    """BM25, more is better; above 0, comparable within one question alone."""
    snippet: str
    """Up to 16 words around those that fit."""


def search_texts(
    connection: Connection,
    words: str,
    *,
    limit: int,
    videos: NDArray[np.int64] | None = None,
) -> list[FoundText]:
    """The texts that hold at least one of these words, best first by BM25.

    A text that holds more of them, and rarer ones, is better. Words are whole words: `car` does not
    find `carpet`. What stands without a space between is looked for as it stands: `rock'n'roll`,
    `2024-05-01`. Nothing in `words` is a command: quotes, stars, AND and NEAR are searched for.

    In a library of many texts, words as common as `the` are left out where there are rarer ones:
    they change no order, and ranking half a million texts takes a second.

    Args:
        words: as a person typed them; without a letter or digit they find nothing.
        limit: how many texts; one video may have several.
        videos: numbers of the videos that may be found; None for all.
    """
    quoted = _quoted(words)
    if not quoted:
        return []
    match = " OR ".join(_telling(connection, quoted))
    asked: dict[str, Any] = {"match": match, "limit": limit, "long": _LONG}
    asked["snippet_words"] = _SNIPPET_WORDS
    query = _IN_ALL
    if videos is not None:
        query, asked["videos"] = _IN_SOME, json.dumps(videos.tolist())
    found = []
    for row in connection.execute(query, asked):
        *facts, snippet, body = row
        found.append(
            FoundText._make([*facts, _excerpt(body, words) if snippet is None else snippet])
        )
    return found


def _excerpt(body: str, words: str) -> str:
    """What a snippet of a long body is: from the first of the words on, or from its beginning."""
    folded = body.lower()
    places = [place for word in words.lower().split() if (place := folded.find(word)) >= 0]
    start = body.rfind(" ", 0, min(places)) + 1 if places else 0
    cut = body[start : start + _LONG].split()[:_SNIPPET_WORDS]
    return ("..." if start else "") + " ".join(cut) + "..."


def texts_of(connection: Connection, number: int) -> list[VideoText]:
    """All texts of a video: title and caption, its name, the transcript by time."""
    query = select(*_columns()).where(TextRecord.video_number == number)
    query = query.order_by(TextRecord.start_seconds, TextRecord.id)
    return [VideoText(*row) for row in connection.execute(query)]


def spread_texts(connection: Connection, kinds: Sequence[TextKind], *, limit: int) -> list[str]:
    """Up to so many different texts of these kinds, evenly from all over the library."""
    query = select(TextRecord.body).where(TextRecord.kind.in_(kinds)).order_by(TextRecord.id)
    found = connection.execute(query).scalars()
    bodies = list(dict.fromkeys(body for body in found if body.strip()))
    step = max(1, len(bodies) / limit)
    return [bodies[int(i * step)] for i in range(min(limit, len(bodies)))]


def put_texts(
    connection: Connection,
    texts: Mapping[int, Iterable[VideoText]],
    *,
    replacing: Sequence[TextKind],
) -> None:
    """Give videos these texts instead of all that they had of the kinds to replace.

    Those that are there already stay untouched: FTS5 indexes nothing twice.

    Args:
        texts: by video number; at most a few hundred videos.
    """
    asked = select(TextRecord.id, TextRecord.video_number, *_columns()).where(
        TextRecord.video_number.in_(texts), TextRecord.kind.in_(replacing)
    )
    rows = connection.execute(asked)
    old = {(row.video_number, VideoText(*row[2:])): {"row_id": row.id} for row in rows}
    new = dict.fromkeys(
        (number, text._replace(body=_storable(text.body)))
        for number, of_video in texts.items()
        for text in of_video
        if text.body.strip("\0 \n")
    )
    gone = [row_id for known, row_id in old.items() if known not in new]
    come = [(number, *text) for number, text in new if (number, text) not in old]
    if gone:
        connection.execute(delete(TextRecord).where(TextRecord.id == bindparam("row_id")), gone)
    if come:
        connection.exec_driver_sql(_INSERT, come)


def put_name(connection: Connection, number: int, path: Path) -> None:
    """Let a video be found by the words of its file's name."""
    name = VideoText("name", words_of_name(path))
    put_texts(connection, {number: [name]}, replacing=["name"])


def drop_texts(connection: Connection, number: int) -> None:
    """Let nothing of a video be found by words."""
    connection.execute(delete(TextRecord).where(TextRecord.video_number == number))


def words_of_name(path: Path) -> str:
    """A file's name without extension as words: `HolidayInRome_2024` is found by Rome and 2024.

    A word that hides several is told whole and in parts.
    """
    stem = _storable(path.stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    words: list[str] = []
    for word in re.findall(r"[^\W_]+", stem):
        # From small to capital letters, before the last of several capitals, at digits.
        parts = re.findall(r"[0-9]+|[^\W\d_]+", word)
        parts = [part for run in parts for part in _humps(run)]
        words += [word, *parts] if len(parts) > 1 else [word]
    return " ".join(words) or stem


def _humps(run: str) -> list[str]:
    marked = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", run)
    return marked.split()


def _columns() -> list[Any]:
    return [TextRecord.kind, TextRecord.body, TextRecord.start_seconds, TextRecord.stop_seconds]


def _quoted(words: str) -> list[str]:
    """Each word as a string of FTS5's language, in which nothing has a meaning."""
    readable = words.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    asked = dict.fromkeys(word for word in readable.split() if any(map(str.isalnum, word)))
    return ['"' + word.replace('"', '""') + '"' for word in list(asked)[:MOST_WORDS]]


def _telling(connection: Connection, quoted: list[str]) -> list[str]:
    """The words that are not common; all of them where all are."""
    highest_id = connection.execute(select(func.max(TextRecord.id))).scalar() or 0
    most = max(FEW_TEXTS, highest_id // COMMON_PART)
    if highest_id <= most or len(quoted) == 1:
        return quoted
    asked = [{"match": word, "limit": most + 1} for word in quoted]
    counts = [connection.execute(_COUNT, each).scalar_one() for each in asked]
    telling = [word for word, count in zip(quoted, counts, strict=True) if 0 < count <= most]
    return telling or quoted


def _storable(body: str) -> str:
    """Without what SQLite's index cannot hold: NUL, and halves of surrogate pairs."""
    if body.isascii() and "\0" not in body:
        return body
    return body.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
