"""A second model for the made-up files of tests.index.library.adding, in a space of its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cpd_model.encoder import Encoder, Vectors
from cpd_model.testing import ColorEncoder
from index.catalog.records import LibrarySettings
from index.library.library import Library
from index.reembedding.reembed import reembed
from index.reembedding.report import ReembedReport
from index.segments import Windows
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import DURATIONS


class WideEncoder(ColorEncoder):
    """Colours in five dimensions, seen the other way round, two frames a window."""

    def __init__(self) -> None:
        super().__init__(num_frames=2, name="wide")
        self.embed_dim = 5

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        return _widened(super().pool_frames(features_BTF))

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        return _widened(super().encode_text(texts))


WIDE = WideEncoder()


def build(
    library: Library,
    encoder: Encoder = WIDE,
    *,
    decoder: FakeDecoder | None = None,
    windows: Windows | None = None,
) -> ReembedReport:
    """Reembed a library of made-up files."""
    with decoder or FakeDecoder(DURATIONS) as running:
        return reembed(library, encoder, running, windows=windows)


def windows_found(folder: Path, encoder: Encoder, query: str) -> list[tuple[str, float, float]]:
    """What a search of the model of an encoder finds, best first: name, start and score."""
    with Library.open(folder) as library:
        number = next(
            m.number for m in library.models.list() if m.fingerprint == encoder.fingerprint
        )
    with Library.open(folder, model_number=number) as library:
        hits = library.search(
            encoder.encode_text([query])[0],
            fingerprint=encoder.fingerprint,
            merge=False,
            limit=100,
        )
    return [(hit.path.name, hit.start_seconds, round(hit.score, 4)) for hit in hits]


def empty_library_of(folder: Path, encoder: Encoder, windows: Windows | None = None) -> Library:
    """A new library of an encoder alone."""
    windows = windows or Windows(4, 2)
    settings = LibrarySettings(
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        embed_dim=encoder.embed_dim,
        window_seconds=windows.window_seconds,
        hop_seconds=windows.hop_seconds,
    )
    return Library.create(folder, settings)


def _widened(rows_BD: Vectors) -> Vectors:
    wide_BD = np.zeros((len(rows_BD), 5), dtype=np.float32)
    wide_BD[:, 1:] = rows_BD[:, ::-1]
    return wide_BD
