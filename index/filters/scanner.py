"""A filter's text, read word by word; what a word may hold depends on what is expected.

Before an operator a word ends at any sign of the language, behind one only at a space, a comma, a
parenthesis or a quote: so a date with a time needs no quotes.
"""

import re
from typing import NamedTuple

from index.errors import FilterError
from index.filters.showing import shown

_SPACES = re.compile(r"\s*")
_NAME = re.compile(r"""[^\s()"',:=!<>~]+""")
_OPERATOR = re.compile(r"<=|>=|!=|[:=<>~]")
_BARE = re.compile(r"""[^\s()"',]+""")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1|\\).)*)\1""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECES = (_QUOTED, _NAME, _OPERATOR, re.compile(".", re.DOTALL))
KEYWORDS = ("and", "or", "not", "in")


class Word(NamedTuple):
    """A piece of the text and where it stands."""

    text: str
    """A quoted one without its quotes."""
    start: int
    stop: int
    quoted: bool = False

    def keyword(self) -> str | None:
        """The keyword that it is, in small letters."""
        folded = self.text.lower()
        return folded if folded in KEYWORDS and not self.quoted else None


class Scanner:
    """A place in the text, which moves on; `take` methods give None and stay where nothing fits."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def take_name(self) -> Word | None:
        """A keyword or the name of a field; the key behind `meta.` may stand in quotes."""
        word = self._take(_NAME)
        if word is None or not word.text.endswith("."):
            return word
        key = self._take_quoted(spaces=False)
        return word if key is None else Word(word.text + key.text, word.start, key.stop)

    def take_operator(self) -> Word | None:
        """Such as `<=`."""
        return self._take(_OPERATOR)

    def take_sign(self, sign: str) -> Word | None:
        """This one sign, such as a parenthesis."""
        return self._take(re.compile(re.escape(sign)))

    def take_keyword(self, keyword: str) -> Word | None:
        """This one keyword."""
        before = self._place
        word = self._take(_NAME)
        if word is None or word.keyword() != keyword:
            self._place = before
            return None
        return word

    def take_value(self) -> Word | None:
        """A bare word or a quoted text."""
        return self._take_quoted() or self._take(_BARE)

    def next_word(self) -> Word:
        """What stands there, whatever it is, for a sentence; an empty one at the end."""
        self._skip_spaces()
        found = (pattern.match(self._text, self._place) for pattern in _PIECES)
        stop = next((piece.end() for piece in found if piece), len(self._text))
        return Word(self._text[self._place : stop], self._place, stop)

    def error(self, reason: str, word: Word | None = None) -> FilterError:
        """A failure that points at a word, or at what stands there."""
        word = word or self.next_word()
        piece = self._text[word.start : word.stop]
        where = f"at {shorten(piece)} (character {word.start + 1})" if piece else "at its end"
        return FilterError(
            f"cannot read the filter {where}: {reason}",
            position=word.start,
            length=word.stop - word.start,
        )

    def _take_quoted(self, *, spaces: bool = True) -> Word | None:
        if spaces:
            self._skip_spaces()
        if self._text[self._place : self._place + 1] not in ('"', "'"):
            return None
        found = _QUOTED.match(self._text, self._place)
        if found is None:
            start = self._place
            raise self.error(
                f"this {self._text[start]} has no end: write it once more behind the text",
                Word("", start, len(self._text)),
            )
        for escape in _ESCAPED.finditer(found[2]):
            if escape[1] not in "\\\"'":
                start = found.start(2) + escape.start()
                raise self.error(r"write \\ for a backslash", Word("", start, start + 2))
        self._place = found.end()
        return Word(_ESCAPED.sub(r"\1", found[2]), found.start(), found.end(), quoted=True)

    def _take(self, pattern: "re.Pattern[str]") -> Word | None:
        self._skip_spaces()
        found = pattern.match(self._text, self._place)
        if found is None:
            return None
        self._place = found.end()
        return Word(found[0], found.start(), found.end())

    def _skip_spaces(self) -> None:
        found = _SPACES.match(self._text, self._place)
        if found:
            self._place = found.end()


def shorten(text: str) -> str:
    """A piece of a filter in quotes, as it can stand in a sentence and on a terminal."""
    quote = "'" if '"' in text else '"'
    return f"{quote}{shown(text)}{quote}"
