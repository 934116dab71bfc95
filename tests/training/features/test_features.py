"""Features of a frozen tower are computed once, and a batch of them is what reading would give."""

import dataclasses

import numpy as np
import pytest
import torch

from cpd_model.encoders.cpd_encoder import make_encoder
from cpd_model.errors import InputError
from cpd_model.testing import tiny_bundle
from index.video.media import read_media_frames
from tests.training.features.feature_streams import (
    HALF,
    assert_equal_batches,
    data,
    load,
    order,
    run,
    stream,
)
from training.config import Curriculum, RunConfig
from training.data.bad_pairs import stand_in
from training.features.frame_features import frame_table
from training.features.frozen_towers import FrozenTowers


def features_by_hand(pair, model, processor, *, mirrored=False):
    """One frame after the other, nothing kept."""
    encoder = make_encoder(model, processor, name="", fingerprint="")
    num_frames = encoder.clip_spec.num_frames
    rows = []
    for place in range(num_frames):
        frame = read_media_frames(pair.path, [(place + 0.5) / num_frames], encoder.clip_spec)
        rows.append(encoder.encode_frames(frame[:, :, ::-1] if mirrored else frame)[0])
    return np.stack(rows)


def test_features_are_those_of_the_frames_read_one_by_one(pairs, bundle, cache_root):
    features = stream(pairs, load(bundle), cache_root).table.features_of(np.arange(len(pairs)))

    expected = [features_by_hand(pair, *load(bundle)) for pair in pairs]

    assert features.dtype == np.float16
    assert features.std() > 0.01
    np.testing.assert_allclose(features.astype(np.float32), np.stack(expected), **HALF)


def test_the_second_view_is_mirrored_but_not_where_a_text_names_a_side(pairs, bundle, cache_root):
    pairs = [dataclasses.replace(pairs[0], captions=("a dog", "it goes Left .")), *pairs[1:]]
    towers = FrozenTowers(*load(bundle), cache_root=cache_root)

    table = frame_table(pairs, towers, data=data(feature_views=2))

    items, second = np.arange(len(pairs)), np.ones(len(pairs), dtype=int)
    features = table.features_of(items, views_B=second).astype(np.float32)
    assert np.array_equal(features[0], table.features_of(items)[0])
    for item in items[1:]:
        mirrored = features_by_hand(pairs[item], *load(bundle), mirrored=True)
        np.testing.assert_allclose(features[item], mirrored, **HALF)
    assert table.num_views == 2


def test_texts_are_what_the_frozen_encoder_pools(pairs, bundle, cache_root, model_and_processor):
    model, processor = model_and_processor

    batch = next(stream(pairs, load(bundle), cache_root).batches(0, 1))

    model.train(False)
    for item, pooled in zip(batch.items_B.tolist(), batch.text.float(), strict=True):
        with torch.no_grad():
            of_pair = model.pool_text(*processor.texts(pairs[item].captions))
        assert torch.isclose(pooled, of_pair, **HALF).all(dim=1).any()


def test_a_stream_may_begin_at_any_step(pairs, bundle, cache_root):
    whole = stream(pairs, load(bundle), cache_root).batches(0, 5)
    late = stream(pairs, load(bundle), cache_root).batches(3, 5)

    assert_equal_batches(list(whole)[3:], list(late))


def test_the_halves_of_two_processes_are_the_whole(pairs, bundle, cache_root):
    halves = [
        list(
            stream(pairs, load(bundle), cache_root, order=order(rank=rank, world_size=2)).batches(
                0, 4
            )
        )
        for rank in range(2)
    ]
    joined = [
        type(a)(*(torch.cat(parts) for parts in zip(a, b, strict=True)))
        for a, b in zip(*halves, strict=True)
    ]

    assert_equal_batches(stream(pairs, load(bundle), cache_root).batches(0, 4), joined)


def test_every_caption_and_view_of_a_pair_has_its_turn(pairs, bundle, cache_root):
    config = RunConfig(recipe="test", data=data(feature_views=2))
    batches = list(stream(pairs, load(bundle), cache_root, config=config).batches(0, 60))
    of_pair_2 = [
        (batch.text[row], batch.video[row])
        for batch in batches
        for row in np.flatnonzero(batch.items_B.numpy() == 2)
    ]

    assert len({text.numpy().tobytes() for text, _ in of_pair_2}) == 3
    assert len({video.numpy().tobytes() for _, video in of_pair_2}) == 2


def test_a_learning_text_encoder_gets_tokens(pairs, bundle, cache_root):
    parts = load(bundle)

    batches = list(
        stream(pairs, parts, cache_root, text_learns=lambda step: step >= 1).batches(0, 2)
    )
    at_once = stream(pairs, parts, cache_root, config=run(curriculum=Curriculum(unfreeze_epoch=0)))

    assert isinstance(batches[0].text, torch.Tensor)
    texts = parts[1].tokenizer.batch_decode(batches[1].text.input_ids_BL, skip_special_tokens=True)
    for item, text in zip(batches[1].items_B.tolist(), texts, strict=True):
        written = ["".join(caption.split()) for caption in pairs[item].captions]
        assert "".join(text.split()) in written
    assert at_once.texts is None
    assert not isinstance(next(at_once.batches(0, 1)).text, torch.Tensor)


def test_the_model_is_left_as_it_was(pairs, bundle, tmp_path):
    model, processor = load(bundle)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    stream(pairs, (model, processor), tmp_path)

    assert model.training
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_is_kept_needs_neither_decoder_nor_tower(pairs, bundle, cache_root):
    class Refusing(FrozenTowers):
        def encode_frames(self, frames_NHWC):
            raise AssertionError("encoded again")

    told = []
    table = frame_table(
        pairs,
        Refusing(*load(bundle), cache_root=cache_root),
        data=data(),
        on_progress=lambda *counts: told.append(counts),
    )

    assert table.readable().all()
    assert told[0] == (0, 8, 0)
    assert told[-1] == (8, 8, 0)


def test_a_run_that_was_killed_goes_on_where_it_was(pairs, bundle, tmp_path):
    class Dying(FrozenTowers):
        def encode_frames(self, frames_NHWC):
            if any((tmp_path / "features").rglob("*.f16")):
                raise KeyboardInterrupt
            return super().encode_frames(frames_NHWC)

        frames_per_chunk = 4

    with pytest.raises(KeyboardInterrupt):
        frame_table(pairs, Dying(*load(bundle), cache_root=tmp_path), data=data())
    kept = list((tmp_path / "features").rglob("*.f16"))
    assert 0 < len(kept) < 8

    killed = frame_table(pairs, FrozenTowers(*load(bundle), cache_root=tmp_path), data=data())
    whole = frame_table(
        pairs, FrozenTowers(*load(bundle), cache_root=tmp_path / "other"), data=data()
    )

    np.testing.assert_array_equal(killed.rows_RF, whole.rows_RF)


@pytest.mark.parametrize(
    ("change", "is_found"),
    [
        pytest.param(lambda m: m.text_tower.encoder.embeddings.word_embeddings, True, id="text"),
        pytest.param(lambda m: m.video_tower.projection, True, id="head"),
        pytest.param(lambda m: m.video_tower.backbone._fc, True, id="classifier"),
        pytest.param(lambda m: m.video_tower.backbone._conv_head, False, id="backbone"),
    ],
)
def test_only_what_changes_a_frames_features_changes_where_they_are(bundle, change, is_found):
    model, processor = load(bundle)
    before = FrozenTowers(model, processor).frame_cache(mirrored=False).folder

    with torch.no_grad():
        next(change(model).parameters()).add_(1)

    after = FrozenTowers(model, processor).frame_cache(mirrored=False).folder
    assert (after == before) is is_found


def test_preprocessing_changes_where_frames_are_and_text_length_where_texts_are(bundle):
    def folders():
        towers = FrozenTowers(model, processor)
        return towers.frame_cache(mirrored=False).folder, towers.text_cache().folder

    model, processor = load(bundle)
    frames, texts = folders()

    processor.image_mean = (0.1, 0.1, 0.1)
    frames_of_other_mean, same_texts = folders()
    processor.max_tokens = 5
    same_frames, texts_of_other_length = folders()

    assert (frames != frames_of_other_mean, texts == same_texts) == (True, True)
    assert (frames_of_other_mean == same_frames, texts != texts_of_other_length) == (True, True)


def test_a_bad_pair_is_told_once_and_replaced_by_the_next(pairs, bundle, cache_root, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    pairs = list(pairs)
    pairs[2] = dataclasses.replace(pairs[2], path=tmp_path / "bad.mp4")
    pairs[3] = dataclasses.replace(pairs[3], path=tmp_path / "missing.mp4")
    config = RunConfig(recipe="test", data=data(max_bad_fraction=0.25))
    told = []

    good = stream(
        pairs,
        load(bundle),
        cache_root,
        config=config,
        on_bad=lambda pair, reason: told.append((pair.id, reason)),
    )

    assert [pair_id for pair_id, _ in told] == ["pair3", "pair2"]
    assert told[0][1] == "there is no such file"
    assert good.num_items == 8
    for step, batch in enumerate(good.batches(0, 6)):
        items = batch.items_B.tolist()
        asked = order().items(step).tolist()
        assert len(set(items)) == 4
        assert not {2, 3} & set(items)
        for got, wanted in zip(items, asked, strict=True):
            assert got == wanted or wanted in (2, 3)


def test_what_stands_in_is_the_next_of_the_list_that_is_not_in_the_batch():
    taken = {2, 3, 5}

    first = stand_in(2, num_items=7, taken=taken, is_readable=lambda item: item != 4)
    second = stand_in(3, num_items=7, taken=taken, is_readable=lambda item: item != 4)

    assert (first, second) == (6, 0)
    with pytest.raises(InputError, match="too few of the videos"):
        stand_in(2, num_items=7, taken=taken, is_readable=lambda item: False)


def test_too_many_bad_pairs_stop_the_run(pairs, bundle, cache_root, tmp_path):
    pairs = [dataclasses.replace(pairs[0], path=tmp_path / "missing.mp4"), *pairs[1:]]

    with pytest.raises(InputError, match=r"1 of 8 videos cannot be read, more than data\.max_bad"):
        stream(pairs, load(bundle), cache_root)


def test_a_batch_larger_than_what_is_readable_is_refused(pairs, bundle, cache_root, tmp_path):
    pairs = [dataclasses.replace(pairs[0], path=tmp_path / "missing.mp4"), *pairs[1:]]
    config = RunConfig(recipe="test", data=data(max_bad_fraction=0.5))

    with pytest.raises(InputError, match="only 7 of 8 videos can be read"):
        stream(pairs, load(bundle), cache_root, config=config, order=order(batch_size=8))


def test_a_tower_that_looks_across_frames_is_refused(tmp_path):
    parts = load(tiny_bundle(tmp_path / "bundle", video_tower="resnet3d"))

    with pytest.raises(InputError, match="looks across frames"):
        FrozenTowers(*parts)


def test_a_cache_that_cannot_be_written_is_one_sentence(pairs, bundle, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(InputError, match="cannot keep features in"):
        stream(pairs, load(bundle), tmp_path / "cache")
