"""This project's own index as one engine among its peers: the parts of a published library."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rig.library_fill import SETTINGS, fill_with
from rig.peers import Ids, Keeps

from cpd_model.encoder import Vectors
from index.catalog.connection import CATALOG_NAME, Catalog
from index.library.library import Library
from index.vectors.current_view import CurrentView
from index.vectors.kinds import IndexKind
from index.vectors.view import Kept


class OwnEngine:
    """What `writer.publish` builds, searched through `View.candidates`; it has no knobs to turn."""

    name = "cpd"
    distributions = ("cpd",)
    efforts: Sequence[int] = (0,)
    index_kind: IndexKind = "auto"

    def prepare(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        fill_with(folder / "library", vectors_ND)

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        with Library.open(folder / "library") as library, library.writer() as writer:
            writer.publish(index_kind=self.index_kind)

    def open(self, folder: Path, keeps: Keeps) -> None:
        library = folder / "library"
        catalog = Catalog(library / CATALOG_NAME)
        self._view = CurrentView(library, catalog, SETTINGS, device="cpu").get()
        assert self._view.tail.num_rows == 0, "the benchmark itself is wrong: all is published"
        self._kept = {
            name: Kept(
                tuple(
                    keep[placed.first_row : placed.first_row + placed.part.num_rows]
                    for placed in self._view.parts
                ),
                np.empty(0, dtype=bool),
            )
            for name, keep in keeps.items()
        }

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        kept = None if keep is None else self._kept[keep]
        return self._view.candidates(query_D, k, kept=kept).rows_k[:k]


class OwnExactEngine(OwnEngine):
    """Where every row is looked at, as in small libraries."""

    name = "cpd, exact"
    index_kind: IndexKind = "exact"


class OwnIvfEngine(OwnEngine):
    """Where rows are looked for, as in large libraries."""

    name = "cpd, ivf"
    index_kind: IndexKind = "ivf"
