"""What vector indexes are asked: vectors in a file, queries, filters, and the true answers.

Axes: N vectors, Q queries, k true ones, D dimensions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rig.generated_vectors import EMBED_DIM, WINDOWS_A_VIDEO, VectorSpace

from cpd_model.encoder import Vectors

K = 10
_SHARES = {"10": 0.1, "1": 0.01, "01": 0.001}
_AT_ONCE = 50_000

FILTER_NAMES = {
    **{f"rows_{name}": f"{share:g} of the rows" for name, share in _SHARES.items()},
    **{f"videos_{name}": f"{share:g} of the videos" for name, share in _SHARES.items()},
}
"""Filters, as engines know them and as people do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cases:
    """One set of vectors and all that is asked of it."""

    vectors_ND: Vectors
    """Mapped from a file."""
    queries_QD: Vectors
    keeps: dict[str, NDArray[np.bool_]]
    """By name; which of the N vectors a filter keeps."""
    truth: dict[str, NDArray[np.int64]]
    """The true K best (Q, K) under each filter, and under none by the name `all`."""

    @classmethod
    def make(cls, folder: Path, *, num_rows: int, num_queries: int) -> Self:
        """Draw everything and find the truth, into a folder; or read what is there."""
        if not (folder / "cases.npz").exists():
            _write_vectors(folder / "vectors.npy", num_rows)
            vectors_ND = np.load(folder / "vectors.npy", mmap_mode="r")
            queries_QD = VectorSpace().queries(num_queries)
            keeps = _filters(num_rows)
            truth = _truth(vectors_ND, queries_QD, keeps)
            partial = folder / "partial.npz"
            np.savez(
                partial,
                queries=queries_QD,
                **{f"keep_{name}": keep for name, keep in keeps.items()},
                **{f"truth_{name}": found for name, found in truth.items()},
            )
            partial.rename(folder / "cases.npz")
        with np.load(folder / "cases.npz") as held:
            return cls(
                vectors_ND=np.load(folder / "vectors.npy", mmap_mode="r"),
                queries_QD=held["queries"],
                keeps={name: held[f"keep_{name}"] for name in FILTER_NAMES},
                truth={name: held[f"truth_{name}"] for name in ("all", *FILTER_NAMES)},
            )


def recall(found: list[NDArray[np.int64]], truth_QK: NDArray[np.int64]) -> float:
    """The share of the true ones that was found, over all queries."""
    hits = sum(len(np.intersect1d(own, true)) for own, true in zip(found, truth_QK, strict=True))
    return hits / truth_QK.size


def _write_vectors(path: Path, num_rows: int) -> None:
    space = VectorSpace()
    vectors_ND = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(num_rows, EMBED_DIM)
    )
    for start in range(0, num_rows, WINDOWS_A_VIDEO):
        vectors_ND[start : start + WINDOWS_A_VIDEO] = space.video(start // WINDOWS_A_VIDEO)
    vectors_ND.flush()


def _filters(num_rows: int) -> dict[str, NDArray[np.bool_]]:
    """Rows at random, and all windows of random videos."""
    rng = np.random.default_rng(1)
    keeps = {f"rows_{name}": rng.random(num_rows) < share for name, share in _SHARES.items()}
    num_videos = num_rows // WINDOWS_A_VIDEO
    for name, share in _SHARES.items():
        chosen = rng.choice(num_videos, max(1, round(share * num_videos)), replace=False)
        keeps[f"videos_{name}"] = np.repeat(np.isin(np.arange(num_videos), chosen), WINDOWS_A_VIDEO)
    return keeps


def _truth(
    vectors_ND: Vectors, queries_QD: Vectors, keeps: dict[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.int64]]:
    """Exact search, a block of vectors after the other."""
    best: dict[str, tuple[Vectors, NDArray[np.int64]]] = {}
    for start in range(0, len(vectors_ND), _AT_ONCE):
        scores_QN = queries_QD @ vectors_ND[start : start + _AT_ONCE].T
        for name in ("all", *keeps):
            kept = slice(None) if name == "all" else keeps[name][start : start + _AT_ONCE]
            ids = np.arange(start, start + scores_QN.shape[1])[kept]
            found_QK = scores_QN[:, kept]
            ids_QK = np.broadcast_to(ids, found_QK.shape)
            if name in best:
                found_QK = np.concatenate([best[name][0], found_QK], axis=1)
                ids_QK = np.concatenate([best[name][1], ids_QK], axis=1)
            order_QK = np.argpartition(-found_QK, min(K, found_QK.shape[1]) - 1, axis=1)[:, :K]
            best[name] = (
                np.take_along_axis(found_QK, order_QK, axis=1),
                np.take_along_axis(ids_QK, order_QK, axis=1),
            )
    return {name: ids_QK for name, (_, ids_QK) in best.items()}
