"""Any order of changes, publishing and searching equals a dictionary searched by brute force."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cpd_model.encoder import Vectors
from index.catalog.embeddings import to_unit
from index.library.library import Library
from tests.index.libraries import SETTINGS, file_version, make_library, put, unit_rows

PATHS = [f"/videos/{i}.mp4" for i in range(5)]

paths = st.sampled_from(PATHS)
seeds = st.integers(0, 20)
"""Few, so that videos often share vectors and scores are equal."""


class LibraryAndItsTwin(RuleBasedStateMachine):
    """A library with a reader that stays open, beside a dictionary of the same videos."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.library = make_library(self.folder)
        self.reader = Library.open(self.folder)
        self.embeddings: dict[str, Vectors] = {}
        self.ids: dict[str, str] = {}
        self.failed: set[str] = set()
        self.lost = False
        """Whether parts are missing that the catalog lists."""

    def teardown(self) -> None:
        self.reader.close()
        self.library.close()
        shutil.rmtree(self.folder)

    @initialize()
    def load_while_empty(self) -> None:
        self.reader.prepare()

    @rule(path=paths, num_segments=st.integers(1, 90), seed=seeds)
    def put(self, path: str, num_segments: int, seed: int) -> None:
        rows_SD = unit_rows(num_segments, seed=seed)
        with self.library.writer() as writer:
            video_id = put(writer, path, rows_SD)

        assert self.ids.setdefault(path, video_id) == video_id
        self.embeddings[path] = to_unit(rows_SD.astype(np.float16))
        self.failed.discard(path)

    @rule(path=paths)
    def fail(self, path: str) -> None:
        with self.library.writer() as writer:
            video_id = writer.put_failure(file_version(path, size_bytes=1), reason="no frames")

        assert self.ids.setdefault(path, video_id) == video_id
        self.embeddings.pop(path, None)
        self.failed.add(path)

    @precondition(lambda self: self.ids)
    @rule(choice=st.integers(0, 99))
    def remove(self, choice: int) -> None:
        path = sorted(self.ids)[choice % len(self.ids)]
        with self.library.writer() as writer:
            writer.remove_video(self.ids.pop(path))

        self.embeddings.pop(path, None)
        self.failed.discard(path)

    @precondition(lambda self: self.embeddings)
    @rule(choice=st.integers(0, 99), target_path=paths)
    def move(self, choice: int, target_path: str) -> None:
        path = sorted(self.embeddings)[choice % len(self.embeddings)]
        with self.library.writer() as writer:
            writer.move_video(self.ids[path], file_version(target_path))

        rows_SD, video_id = self.embeddings.pop(path), self.ids.pop(path)
        self.failed.discard(target_path)
        self.embeddings[target_path], self.ids[target_path] = rows_SD, video_id

    @rule()
    def publish(self) -> None:
        with self.library.writer() as writer:
            writer.publish()
        self.lost = False

    @rule(whole=st.booleans())
    def compact(self, whole: bool) -> None:
        with self.library.writer() as writer:
            writer.compact(whole=whole)

    @rule()
    def lose_the_parts(self) -> None:
        """They are derived: a reader does without them, and the next publish makes them again."""
        shutil.rmtree(self.folder / "parts", ignore_errors=True)
        self.lost = True

    @rule()
    def open_again(self) -> None:
        self.reader.close()
        self.reader = Library.open(self.folder)

    @rule(seed=seeds, limit=st.integers(1, 200))
    def search(self, seed: int, limit: int) -> None:
        query_D = unit_rows(1, seed=100 + seed)[0]
        windows = [
            (float(score), path, 2.0 * i)
            for path, rows_SD in self.embeddings.items()
            for i, score in enumerate(rows_SD @ query_D)
        ]
        best_first = sorted(windows, reverse=True)[:limit]

        hits = self.reader.search(
            query_D, fingerprint=SETTINGS.fingerprint, limit=limit, merge=False
        )

        assert [h.score for h in hits] == pytest.approx([w[0] for w in best_first], abs=1e-5)
        assert len({h.segment_id for h in hits}) == len(hits)
        true_scores = {(path, start): score for score, path, start in windows}
        expected = [true_scores[str(h.path), h.start_seconds] for h in hits]
        assert [h.score for h in hits] == pytest.approx(expected, abs=1e-5)
        assert [self.ids[str(h.path)] for h in hits] == [h.video_id for h in hits]

    @invariant()
    def it_counts_right(self) -> None:
        status = self.library.status()

        assert status.videos == len(self.embeddings)
        assert status.failed == len(self.failed)
        assert status.segments == sum(map(len, self.embeddings.values()))

    @rule()
    def verify(self) -> None:
        assert self.lost or self.library.verify() == []


TestLibraryAndItsTwin = LibraryAndItsTwin.TestCase
TestLibraryAndItsTwin.settings = settings(max_examples=6, stateful_step_count=20, deadline=None)
