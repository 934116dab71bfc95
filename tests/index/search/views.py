"""Views of made-up videos for tests, and the truth of what they hold.

Axes: N rows, S segments of one video, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from cpd_model.encoder import Vectors
from index.catalog.columns import SegmentColumns, joined
from index.catalog.connection import Stand
from index.catalog.parts import StoredRows
from index.search.walk import ScoredSegment
from index.vectors.part import part_in_memory
from index.vectors.view import View
from tests.index.libraries import unit_rows
from tests.index.search.brute_force import scored_segment, slow_merge


class Truth(NamedTuple):
    """A view, and its live windows with the vectors that are stored of them."""

    view: View
    windows: list[ScoredSegment]
    vectors_ND: Vectors

    def __repr__(self) -> str:
        return f"{len(self.windows)} live windows, {self.view.num_removed} removed rows"


def make_view(
    sizes: Sequence[int], *, num_in_main: int, removed: set[int], seed: int, num_distinct: int
) -> Truth:
    """Videos of these sizes: `num_in_main` in a part, the others newer, some removed later.

    Args:
        num_distinct: vectors are drawn from so many, so that scores are often equal.
    """
    rng = np.random.default_rng(seed)
    palette = unit_rows(num_distinct, seed=seed).astype(np.float16)
    stored, first_id = [], 1
    for number, size in enumerate(sizes):
        stored.append(a_video(number, first_id, palette[rng.integers(0, num_distinct, size)]))
        first_id += size + 1
    every = joined([NOTHING, *(video.columns for video in stored)])
    view = view_of(stored[:num_in_main]).advanced(
        stand=Stand("library", 2, "second"),
        added=stored[num_in_main:],
        removed_ids=every.ids_N[np.isin(every.video_numbers_N, list(removed))],
    )
    live = [video for number, video in enumerate(stored) if number not in removed]
    windows = [
        scored_segment(number, segment_id, start, stop, 0.0)
        for video in live
        for segment_id, number, start, stop in zip(
            *(c.tolist() for c in video.columns), strict=True
        )
    ]
    vectors_ND = np.concatenate([np.empty((0, 4), np.float16), *(v.vectors_ND for v in live)])
    return Truth(view, windows, vectors_ND.astype(np.float32))


NOTHING = SegmentColumns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def a_video(number: int, first_id: int, vectors_SD: np.ndarray) -> StoredRows:
    """A video of windows of 4 s every 2 s."""
    each_S = np.arange(len(vectors_SD))
    columns = SegmentColumns(
        first_id + each_S, np.full(len(each_S), number), 2.0 * each_S, 2.0 * each_S + 4
    )
    return StoredRows(columns, vectors_SD)


def view_of(stored: Sequence[StoredRows]) -> View:
    """A view of some videos, all in one part."""
    parts = []
    if stored:
        first, last = int(stored[0].columns.ids_N[0]), int(stored[-1].columns.ids_N[-1])
        parts = [part_in_memory(stored, generation=1, first_segment_id=first, last_segment_id=last)]
    removed = np.empty(0, dtype=np.int64)
    return View.of_parts(parts, removed, stand=Stand("library", 1, "first"), embed_dim=4)


def scored(truth: Truth, query_D: Vectors) -> list[ScoredSegment]:
    inverse_norms_N = 1 / np.linalg.norm(truth.vectors_ND, axis=1)
    products_N = np.vecdot(truth.vectors_ND, query_D / np.linalg.norm(query_D))
    scores_N = (products_N * inverse_norms_N).clip(-1, 1)
    pairs = zip(truth.windows, scores_N.tolist(), strict=True)
    return [replace(window, score=score) for window, score in pairs]


def all_moments(truth: Truth, query_D: Vectors) -> list[ScoredSegment]:
    windows = scored(truth, query_D)
    background = float(np.mean([w.score for w in windows])) if windows else 0.0
    return slow_merge(windows, background=background)


views = st.builds(
    make_view,
    st.lists(st.integers(1, 120), max_size=8),
    num_in_main=st.integers(0, 8),
    removed=st.sets(st.integers(0, 7)),
    seed=st.integers(0, 1000),
    num_distinct=st.sampled_from([1, 5, 10_000]),
)


def a_video_of(truth: Truth, number: int) -> StoredRows:
    """A live video of a view."""
    own = [i for i, window in enumerate(truth.windows) if window.video_number == number]
    first = truth.windows[own[0]].segment_id
    return a_video(number, first, truth.vectors_ND[own].astype(np.float16))
