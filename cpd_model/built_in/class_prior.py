"""The label prior's rows: the 1000 ImageNet classes as text embeddings.

A class is embedded by its first name ("tench") and by its definition ("freshwater dace-like game
fish of Europe and western Asia ..."), and the two are averaged: names are how people search,
definitions say "fish" and "game" where a name does not. The mean of all classes is then taken off:
what they share says nothing about a clip, and without it labels are told apart better.

The rows are stored beside the names, so that `cpd-start` is the same bytes on every machine and is
made in seconds. They were computed in float64 and rounded to float16: 53 bits are far more than the
11 that are kept, so the number of threads or the kind of processor does not show.
`python -m cpd_model.built_in.compute_prior` computes them again; a test compares a sample.

Axes: L classes, D dimensions of the text encoder.
"""

import io
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors

SYNSETS_FILE = "imagenet_synsets.tsv"
PRIOR_FILE = "imagenet_prior.npy"


class Synset(NamedTuple):
    """An ImageNet class, in WordNet's words."""

    wnid: str
    """Such as n01440764."""

    names: str
    """All names, separated by commas."""

    definition: str

    @property
    def first_name(self) -> str:
        """The usual name; the others are synonyms, many of them Latin."""
        return self.names.partition(", ")[0]


def read_synsets() -> list[Synset]:
    """The 1000 classes, in the order of the classifiers that were trained on them."""
    text = (files("cpd_model.built_in") / "data" / SYNSETS_FILE).read_text(encoding="utf-8")
    return [Synset(*line.split("\t")) for line in text.splitlines()]


def read_prior() -> Vectors:
    """The stored rows (L, D), float32; their mean is 0, and they are not of norm 1."""
    content = (files("cpd_model.built_in") / "data" / PRIOR_FILE).read_bytes()
    prior_LD: Vectors = np.load(io.BytesIO(content), allow_pickle=False).astype(np.float32)
    return prior_LD


def embed_classes(
    synsets: Sequence[Synset], encode: Callable[[Sequence[str]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Unit vectors (L, D) of the classes, nothing taken off; `encode` gives those of texts."""
    rows_LD = encode([synset.first_name for synset in synsets])
    rows_LD = rows_LD + encode([synset.definition for synset in synsets])
    unit_LD: NDArray[np.float64] = rows_LD / np.linalg.norm(rows_LD, axis=1, keepdims=True)
    return unit_LD
