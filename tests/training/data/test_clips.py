"""Clips come decoded, cut and in time; what a step sees depends on the step alone."""

import dataclasses
import tarfile

import numpy as np
import pytest
import torch

from cpd_model.errors import InputError
from cpd_model.processor import CPDProcessor
from cpd_model.testing import tiny_bundle
from index.video.media import read_media_clip
from tests.training.media import write_pairs
from training.config import DataChoice
from training.data import clips as clips_module
from training.data.augment import cut_square, draw_plan
from training.data.batch import BatchOrder
from training.data.clips import ClipPairs
from training.data.pairs import read_pairs

SIDES = (34, 40)


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    return CPDProcessor.from_pretrained(tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("media"))


def order(**changes):
    return BatchOrder(**{"num_items": 8, "batch_size": 4, "seed": 3, **changes})


def stream(pairs, processor, *, on_bad=lambda pair, reason: None, order=order(), **changes):
    data = {"batch_size": 4, "num_workers": 1, "short_side_pixels": SIDES, **changes}
    return ClipPairs(pairs, processor, data=DataChoice(**data), order=order, on_bad=on_bad)


def batches(pairs, processor, first, stop, **changes):
    with stream(pairs, processor, **changes) as opened:
        return list(opened.batches(first, stop))


def assert_equal_batches(left, right):
    for a, b in zip(left, right, strict=True):
        assert torch.equal(a.items_B, b.items_B)
        assert torch.equal(a.video, b.video)
        assert torch.equal(a.text.input_ids_BL, b.text.input_ids_BL)


def clip_by_hand(pair, random, spec):
    """The obvious way: draw the caption, then the cut, then read."""
    caption = pair.captions[random.integers(len(pair.captions))]
    plan = draw_plan(random, short_side_pixels=SIDES, mirror=True)
    frames = read_media_clip(
        pair.path,
        num_frames=spec.num_frames,
        span_seconds=spec.span_seconds,
        place=plan.place,
        short_side=plan.short_side,
    )
    return caption, cut_square(frames, plan, size=spec.frame_size)


def test_a_batch_is_what_reading_its_pairs_by_hand_gives(pairs, processor):
    (batch,) = batches(pairs, processor, 1, 2)

    asked = order().items(1).tolist()
    by_hand = [
        clip_by_hand(pairs[item], order().random(1, item), processor.clip_spec) for item in asked
    ]
    assert batch.items_B.tolist() == asked
    assert batch.items_B.dtype == torch.int64
    assert batch.video.dtype == torch.uint8
    assert torch.equal(batch.video, torch.from_numpy(np.stack([clip for _, clip in by_hand])))
    texts = processor.texts([caption for caption, _ in by_hand])
    assert torch.equal(batch.text.input_ids_BL, texts.input_ids_BL)


def test_a_stream_may_begin_at_any_step(pairs, processor):
    assert_equal_batches(
        batches(pairs, processor, 0, 5)[3:], batches(pairs, processor, 3, 5, num_workers=2)
    )


def test_the_halves_of_two_processes_are_the_whole(pairs, processor):
    whole = batches(pairs, processor, 0, 2)
    halves = [
        batches(pairs, processor, 0, 2, order=order(rank=rank, world_size=2)) for rank in range(2)
    ]

    for step, batch in enumerate(whole):
        parts = [half[step] for half in halves]
        assert torch.equal(batch.items_B, torch.cat([part.items_B for part in parts]))
        assert torch.equal(batch.video, torch.cat([part.video for part in parts]))


def test_members_of_archives_are_read_as_files_are(pairs, processor, tmp_path):
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        for number, pair in enumerate(pairs):
            (tmp_path / "text.txt").write_text(pair.captions[0])
            shard.add(tmp_path / "text.txt", f"{number:04d}.txt")
            files = sorted(pair.path.iterdir()) if pair.path.is_dir() else [pair.path]
            for file in files:
                stem = f".{file.stem}" if pair.path.is_dir() else ""
                shard.add(file, f"{number:04d}{stem}{file.suffix}")
    archived = read_pairs(tmp_path / "shard.tar")
    beside = [dataclasses.replace(pair, captions=pair.captions[:1]) for pair in pairs]

    assert_equal_batches(batches(archived, processor, 0, 2), batches(beside, processor, 0, 2))


def test_a_bad_pair_is_told_once_and_replaced_the_same_way_after_a_resume(
    pairs, processor, tmp_path
):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    pairs = list(pairs)
    pairs[2] = dataclasses.replace(pairs[2], path=tmp_path / "bad.mp4")
    pairs[3] = dataclasses.replace(pairs[3], path=tmp_path / "missing.mp4")
    told = []

    whole = batches(
        pairs,
        processor,
        0,
        6,
        max_bad_fraction=0.25,
        on_bad=lambda pair, reason: told.append((pair.id, reason)),
    )

    assert sorted(pair_id for pair_id, _ in told) == ["pair2", "pair3"]
    assert ("pair3", "there is no such file") in told
    for step, batch in enumerate(whole):
        items = batch.items_B.tolist()
        assert len(set(items)) == 4
        assert not {2, 3} & set(items)
        for got, asked in zip(items, order().items(step).tolist(), strict=True):
            assert got == asked or asked in (2, 3)
    assert_equal_batches(whole[4:], batches(pairs, processor, 4, 6, max_bad_fraction=0.25))


def test_too_many_bad_pairs_stop_the_run(pairs, processor, tmp_path):
    pairs = [dataclasses.replace(pair, path=tmp_path / "missing.mp4") for pair in pairs]

    with pytest.raises(InputError, match=r"of 8 videos cannot be read, more than data\.max_bad"):
        batches(pairs, processor, 0, 2)


def test_a_pair_whose_text_names_a_side_is_never_mirrored(pairs, processor):
    image = pairs[0].path  # a picture: only the cut tells its clips apart
    sided = [dataclasses.replace(pair, path=image, captions=("go left",)) for pair in pairs]
    free = [dataclasses.replace(pair, path=image, captions=("go on",)) for pair in pairs]

    either = batches(free, processor, 0, 4)

    assert_equal_batches(
        batches(sided, processor, 0, 4), batches(sided, processor, 0, 4, flip=False)
    )
    plain = batches(free, processor, 0, 4, flip=False)
    kinds = {
        (torch.equal(a, b), torch.equal(a, b.flip(2)))
        for left, right in zip(either, plain, strict=True)
        for a, b in zip(left.video, right.video, strict=True)
    }
    assert kinds == {(True, False), (False, True)}


def test_what_is_decoded_ahead_is_bounded_in_bytes(pairs, processor, monkeypatch):
    with stream(pairs, processor) as opened:
        assert opened.batch_bytes == 4 * 4 * 32 * 32 * 3
        assert opened.batches_ahead == 4

        monkeypatch.setattr(clips_module, "AHEAD_BYTES", 2 * opened.batch_bytes)
        assert opened.batches_ahead == 2

        monkeypatch.setattr(clips_module, "AHEAD_BYTES", 1)
        assert opened.batches_ahead == 1


def test_waiting_is_measured_and_a_stream_can_be_left_early(pairs, processor):
    with stream(pairs, processor) as opened:
        assert opened.waited_seconds == 0

        steps = opened.batches(0, 100)
        next(steps)
        steps.close()

        assert opened.waited_seconds > 0
        assert opened.num_items == 8
        assert_equal_batches(opened.batches(5, 6), batches(pairs, processor, 5, 6))


@pytest.mark.parametrize("sides", [(31, 40), (40, 36)])
def test_a_short_side_that_no_square_fits_into_is_refused(pairs, processor, sides):
    with pytest.raises(InputError, match=r"data\.short_side_pixels must rise from at least 32"):
        stream(pairs, processor, short_side_pixels=sides)
