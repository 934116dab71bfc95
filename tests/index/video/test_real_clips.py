"""Real clips beside the project: each is read exactly as when it is decoded in full.

And each is cut into windows as if it had no timestamps to mistrust.
"""

import csv
import zlib
from pathlib import Path

import numpy as np
import pytest

from cpd_model.encoder import ClipSpec
from index.video.file import long_gaps, probe, read_frames
from tests.index.videos import decode_everything

SPEC = ClipSpec(num_frames=4, frame_size=32, resize="crop", short_side=36)
NUM_PARTS = 8
PARTS = [
    0,
    1,
    *(pytest.param(part, marks=pytest.mark.long_faults) for part in range(2, NUM_PARTS)),
]
"""Some sixty clips by default, all of them in `make faults`."""
SHORT_WINDOW_SECONDS = 0.5
FULLY_DECODED_BYTES = 400_000
"""Larger clips are probed and read, but not decoded in full again."""


def _clips(shared_data: Path, part: int) -> list[Path]:
    with (shared_data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        names = [row["path"] for row in csv.DictReader(file)]
    return [shared_data / name for name in names if zlib.crc32(name.encode()) % NUM_PARTS == part]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_real_clips_are_read_as_when_decoded_in_full(shared_data: Path, part: int) -> None:
    wrong = []
    for clip in _clips(shared_data, part):
        facts = probe(clip)
        seconds = np.random.default_rng(part).uniform(0, facts.duration_seconds, size=3).tolist()
        frames = read_frames(clip, seconds, SPEC)
        if clip.stat().st_size < FULLY_DECODED_BYTES and not _equals_twin(clip, seconds, frames):
            wrong.append(clip.name)

    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_no_real_clip_loses_a_window_to_a_gap(shared_data: Path, part: int) -> None:
    """None of them stands still for longer than a short window, so that all windows stay."""
    gappy = [
        clip.name
        for clip in _clips(shared_data, part)
        if len(long_gaps(clip, gap_seconds=SHORT_WINDOW_SECONDS))
    ]

    assert gappy == []


def _equals_twin(clip: Path, seconds: list[float], frames: np.ndarray) -> bool:
    everything = decode_everything(clip)
    counted = probe(clip).num_frames == len(everything.frames)
    return counted and np.array_equal(frames, everything.nearest(seconds, SPEC))
