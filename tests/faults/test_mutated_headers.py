"""Whatever damage does to a header, its file ends as a video or a sentence, within bounds."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.ingest.embed import embed_videos
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding
from tests.faults.mutations import mutated, write_clips

SECONDS_FOR_ONE = 20
MEMORY_BYTES = 1 << 30
WINDOWS_OF_A_FRAME = 2
"""Of four seconds, one every two."""

COSTLY = {
    1053: "an index that claims more samples than memory can hold",
    1984: "a frame that claims to stand for half an hour",
    2635: "a tag that claims four hours between two frames",
}
"""Seeds of damage that was seen to cost much."""

FOREIGN_ERROR = re.compile(r"[A-Za-z]\w*(Error|Exception|Warning)\b")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return write_clips(tmp_path_factory.mktemp("clips"))


def check(clips: dict[str, bytes], folder: Path, seeds: Iterable[int]) -> None:
    """Embed one damaged file for each seed, and hold what comes of each to its promise."""
    paths = []
    for seed in seeds:
        name, content = mutated(clips, seed)
        (folder / name).write_bytes(content)
        paths.append(folder / name)

    with DecodePool(
        num_workers=2, timeout_seconds=SECONDS_FOR_ONE, memory_bytes=MEMORY_BYTES
    ) as pool:
        outcomes = list(embed_videos(paths, ColorEncoder(), pool))

    assert sorted(outcome.path for outcome in outcomes) == sorted(paths)
    assert [wrong for outcome in outcomes if (wrong := broken_promise(outcome))] == []


def broken_promise(outcome: EmbeddedVideo | FailedEmbedding) -> str | None:
    """What is wrong with how a file ended; None where it ended well."""
    name = outcome.path.name
    if isinstance(outcome, EmbeddedVideo):
        most = WINDOWS_OF_A_FRAME * outcome.facts.num_frames + 1
        count = len(outcome.segments)
        return None if 1 <= count <= most else f"{name}: {count} segments, {most} at most"
    reason = outcome.reason
    if not reason.isprintable() or FOREIGN_ERROR.match(reason) or "did not finish" in reason:
        return f"{name}: {reason!r}"
    return None


def test_some_damaged_headers_end_as_a_video_or_a_sentence(
    clips: dict[str, bytes], tmp_path: Path
) -> None:
    check(clips, tmp_path, [*range(40), *COSTLY])


@pytest.mark.slow
@pytest.mark.long_faults
@pytest.mark.parametrize("first", range(0, 300, 100))
def test_three_hundred_damaged_headers_end_as_a_video_or_a_sentence(
    clips: dict[str, bytes], tmp_path: Path, first: int
) -> None:
    check(clips, tmp_path, range(first, first + 100))
