"""The one place where FAISS's search parameters are made.

Several of FAISS's indexes ignore a filter without a word when it stands in the wrong field (that of
`SearchParametersPreTransform`, that of `IndexRefineSearchParameters`, HNSW's without a bounded
queue), so nobody else builds these objects. `tests/index/vectors/test_faiss_facts.py` holds what
each index does with them.

Axes: N rows.
"""

from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

_faiss: Any = faiss  # its type stubs tell the C++ signatures


class Parameters(NamedTuple):
    """What a search is called with; keeps the memory alive that FAISS only points at."""

    faiss: Any
    """Search parameters, or None."""

    bitmap: NDArray[np.uint8] | None


def search_parameters(
    keep_N: NDArray[np.bool_] | None = None,
    *,
    nprobe: int | None = None,
    refine_factor: float | None = None,
) -> Parameters:
    """For a flat index, an IVF one, or an IVF one inside an IndexPreTransform or IndexRefine.

    Args:
        keep_N: rows that may be found; None for all.
        nprobe: lists of an IVF index that are searched; None for a flat index.
        refine_factor: candidates for each row that an IndexRefine is asked for, at least 1; None
            for an index that is none.
    """
    bitmap = None if keep_N is None else np.packbits(keep_N, bitorder="little")
    fields: dict[str, Any] = {}
    if bitmap is not None:
        fields["sel"] = _faiss.IDSelectorBitmap(bitmap)
    if nprobe is not None:
        # An IndexPreTransform hands it on to the index inside.
        found = _faiss.SearchParametersIVF(nprobe=nprobe, **fields)
    else:
        found = _faiss.SearchParameters(**fields) if fields else None
    if refine_factor is not None:
        # The filter stands in those of the base index: in the outer ones it would be ignored.
        found = _faiss.IndexRefineSearchParameters(k_factor=refine_factor, base_index_params=found)
    return Parameters(found, bitmap)
