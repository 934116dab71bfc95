"""How a video may be cut: one rule, whichever way the numbers come in."""

import math

import pytest

from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from index.catalog.records import LibrarySettings
from index.ingest.embed import embed_videos
from index.library.opening import choose_windows
from index.segments import SHORTEST_SECONDS, Windows
from tests.index.fake_decoder import FakeDecoder
from tests.index.libraries import SETTINGS

IMPOSSIBLE = {
    "a tiny hop": ((4.0, 1e-5), "the hop must be at least 0.1 s, got 1e-05"),
    "a tiny window": ((0.05, 0.05), "the window must be at least 0.1 s, got 0.05"),
    "no hop": ((4.0, 0.0), "the hop must be a positive number of seconds, got 0"),
    "no number": ((math.nan, 2.0), "the window must be a positive number of seconds, got nan"),
    "no end": ((math.inf, 2.0), "the window must be a positive number of seconds, got inf"),
    "holes": ((4.0, 4.5), "the hop must be at most the window, 4 s"),
}
cases = pytest.mark.parametrize(("lengths", "sentence"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)


@cases
def test_windows_that_cannot_be_are_one_sentence(
    lengths: tuple[float, float], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        Windows(*lengths)


@cases
def test_a_person_who_asks_for_them_reads_the_same(
    lengths: tuple[float, float], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        choose_windows(*lengths)


@cases
def test_no_library_is_made_with_them(lengths: tuple[float, float], sentence: str) -> None:
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    windows = dict(zip(("window_seconds", "hop_seconds"), lengths, strict=True))

    with pytest.raises(InputError, match=sentence):
        LibrarySettings(**values | windows)


@cases
def test_no_video_is_embedded_or_labelled_with_them(
    lengths: tuple[float, float], sentence: str
) -> None:
    with FakeDecoder({}) as decoder, pytest.raises(InputError, match=sentence):
        embed_videos([], ColorEncoder(), decoder, window_seconds=lengths[0], hop_seconds=lengths[1])


def test_the_shortest_that_may_be_is_taken() -> None:
    assert Windows(SHORTEST_SECONDS, SHORTEST_SECONDS) == choose_windows(0.1, None)
