"""A query that is a mixture: `dog:1, snow:0.5, -night:0.7`.

    mixture  a comma stands between its terms, two at least; each term ends in a weight
    term     WORDS:WEIGHT, or -WORDS:WEIGHT for what is not wanted
    weight   a number such as 1, 0.5 or .5, at most 1000; no digit stands before its colon
    "..."    in double quotes from the first to the last character: one text, as it is

Anything else is one text: "a man: happy, sad" has no weights, and neither has "at 10:30, a train".

Axes: T terms, D dimensions.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cpd_model.encoder import Vectors
from cpd_model.errors import InputError

MAX_WEIGHT = 1000.0

_WEIGHT = re.compile(r"(?P<words>.*(?:^|[^\d\s]))\s*:\s*(?P<weight>[-+]?(?:\d+\.?\d*|\.\d+))", re.S)
_QUOTED = re.compile(r'"([^"]*)"', re.S)


class Term(NamedTuple):
    """Words and how much they count; less than nothing for what is not wanted."""

    words: str
    weight: float


def read_mixture(text: str) -> list[Term]:
    """The terms of a query; one of weight 1 where it is no mixture.

    Raises:
        InputError: some terms have a weight and others none, or a weight is none that can be.
    """
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        return [Term(quoted[1].strip(), 1.0)]
    pieces = [piece.strip() for piece in text.split(",")]
    weighted = [_WEIGHT.fullmatch(piece) for piece in pieces]
    if len(pieces) < 2 or not any(weighted):
        return [Term(text, 1.0)]
    return [_term(piece, found) for piece, found in zip(pieces, weighted, strict=True)]


def _term(piece: str, found: re.Match[str] | None) -> Term:
    if found is None:
        raise InputError(
            f"{piece!r} has no weight and other words of the query have one: write "
            f"'{piece or 'word'}:1', or put double quotes around the whole query to ask for it "
            f"as it is"
        )
    words, weight = found["words"].strip(), float(found["weight"])
    if words.startswith("-"):
        words, weight = words[1:].strip(), -weight
        if found["weight"][0] in "+-":
            raise InputError(f"{piece!r} has two signs: write '-{words}:{abs(weight):g}'")
    if not words:
        raise InputError(f"{piece!r} has a weight and no words: write 'words:1'")
    if not 0 < abs(weight) <= MAX_WEIGHT:
        raise InputError(
            f"{piece!r} has a weight that is not above 0 and at most {MAX_WEIGHT:g}: a sign before "
            f"the words says that they are not wanted"
        )
    return Term(words, weight)


def wanted_words(terms: Sequence[Term]) -> str:
    """What texts are searched for: the words that are wanted."""
    return " ".join(term.words for term in terms if term.weight > 0)


def mixed(vectors_TD: Vectors, weights: Sequence[float]) -> Vectors:
    """The unit vector (D,) of a weighted sum of unit vectors.

    Raises:
        InputError: they cancel each other out.
    """
    if len(weights) == 1 and weights[0] > 0:
        alone_D: Vectors = vectors_TD[0]
        return alone_D
    weights_T = np.asarray(weights, dtype=np.float64)
    unit_TD = vectors_TD / np.linalg.norm(vectors_TD, axis=1, keepdims=True)
    sum_D = weights_T @ unit_TD
    length = float(np.linalg.norm(sum_D))
    if not length > 1e-6 * float(np.abs(weights_T).sum()):
        raise InputError(
            "what is wanted and what is not cancel each other out, so nothing is left to search "
            "for: give them other weights"
        )
    mixed_D: Vectors = (sum_D / length).astype(np.float32)
    return mixed_D
