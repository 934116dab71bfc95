"""Generated films: what their pixels show is what their captions say, and no more is given away."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.config import CPDConfig
from cpd_model.processor import CPDProcessor
from training.data.batch import BatchOrder
from training.recipes import own_tokenizer
from training.run.model import build_model
from training.synthetic.evaluate import evaluate_synthetic
from training.synthetic.films import (
    COLORS,
    SHAPES,
    WAYS,
    Canvas,
    SyntheticPairs,
    all_scenes,
    draw_clips,
    held_out_scenes,
    synthetic_tokenizer,
    training_scenes,
)
from training.synthetic.recipe import synthetic
from training.synthetic.source import SyntheticJudge, drawn_pairs

CANVAS = Canvas(num_frames=8, frame_size=48)
scenes = st.sampled_from(all_scenes())
seeds = st.integers(0, 2**31)


def processor():
    config = CPDConfig.preset("tiny-resnet3d")
    return CPDProcessor.for_config(config, synthetic_tokenizer())


def stream(seed=0, rank=0, world_size=1):
    order = BatchOrder(num_items=168, batch_size=12, seed=seed, rank=rank, world_size=world_size)
    return SyntheticPairs(processor(), order)


def draw(scene, seed):
    return draw_clips([scene], [np.random.default_rng(seed)], CANVAS)[0]


def middles(clip_TSSC):
    """Column and row of the shape's middle in each frame (T, 2), as a stranger would measure it."""
    paper_C = np.median(clip_TSSC, axis=(0, 1, 2))
    far_TSS = np.abs(clip_TSSC.astype(float) - paper_C).max(axis=-1) > 45
    return np.array([np.argwhere(far_SS)[:, ::-1].mean(axis=0) for far_SS in far_TSS])


def ways_of(clip_TSSC):
    """The two ways that the shape moves, measured from the pixels."""
    found = []
    for half_T2 in np.split(middles(clip_TSSC), 2):
        moved_2 = half_T2[-1] - half_T2[0]
        found.append(max(WAYS, key=lambda way: moved_2 @ np.array(WAYS[way])))
    return tuple(found)


def color_of(clip_TSSC):
    """The colour whose direction some pixel comes closest to."""
    bright_NC = clip_TSSC.reshape(-1, 3).astype(float) - 12
    bright_NC = bright_NC[bright_NC.max(axis=1) > 120]
    return min(COLORS, key=lambda color: np.abs(bright_NC - COLORS[color]).max(axis=1).min())


def test_there_is_a_caption_for_every_colour_shape_and_two_ways():
    captions = {scene.caption for scene in all_scenes()}

    assert len(captions) == len(all_scenes()) == len(COLORS) * len(SHAPES) * 4 * 3
    assert "red square moves left then up" in captions


def test_both_orders_of_two_ways_are_scenes():
    everything = set(all_scenes())

    assert {scene.swapped for scene in everything} == everything
    assert {scene.twin for scene in everything} == everything
    assert all(scene.swapped != scene != scene.twin for scene in everything)


def test_held_out_scenes_are_never_trained_on_but_all_their_words_are():
    held_out, trained = held_out_scenes(), training_scenes()

    assert (len(held_out), len(trained)) == (24, 168)
    assert set(held_out) | set(trained) == set(all_scenes())
    for place, words in enumerate((COLORS, SHAPES, WAYS, WAYS)):
        assert {scene[place] for scene in held_out} == set(words)
        assert {scene[place] for scene in trained} == set(words)


def test_twins_and_swaps_of_a_held_out_scene_are_held_out_too():
    held_out = set(held_out_scenes())

    assert {scene.twin for scene in held_out} == held_out
    assert {scene.swapped for scene in held_out} == held_out


@settings(max_examples=30)
@given(scenes, seeds)
def test_the_shape_moves_as_the_caption_says(scene, seed):
    clip_TSSC = draw(scene, seed)
    path_T2 = middles(clip_TSSC)

    for half_T2, way in zip(np.split(path_T2, 2), scene[2:], strict=True):
        steps_2 = np.diff(half_T2, axis=0)
        along = steps_2 @ np.array(WAYS[way])
        assert along.min() > 2  # 0.3 of 48 pixels in 4 frames, measured to about a pixel
        assert np.abs(steps_2 @ np.array(WAYS[way])[::-1]).max() < 1
    assert color_of(clip_TSSC) == scene.color


@settings(max_examples=30)
@given(scenes, seeds)
def test_a_twin_shows_the_same_frames_in_another_order(scene, seed):
    path_T2 = middles(draw(scene, seed)).tolist()
    twin_path_T2 = middles(draw(scene.twin, seed)).tolist()

    nearest = [min(np.hypot(x - a, y - b) for a, b in twin_path_T2) for x, y in path_T2]
    assert max(nearest) < 1
    assert np.hypot(*(np.array(path_T2) - twin_path_T2).T).max() > 4


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_leaves_the_picture(shape):
    chosen = [scene for scene in all_scenes() if scene.shape == shape]
    randoms = [np.random.default_rng(seed) for seed in range(len(chosen))]

    for clip_TSSC in draw_clips(chosen, randoms, CANVAS):
        paper_C = np.median(clip_TSSC, axis=(0, 1, 2))
        areas_T = (np.abs(clip_TSSC - paper_C).max(axis=-1) > 45).sum(axis=(1, 2))
        assert areas_T.min() > 0.75 * areas_T.max()


def test_shapes_differ_in_their_pixels():
    first = all_scenes()[0]
    clips = [draw(first._replace(shape=shape), 1) for shape in SHAPES]
    far_apart = [
        np.abs(a.astype(int) - b).max() for i, a in enumerate(clips) for b in clips[i + 1 :]
    ]

    assert min(far_apart) > 100


def test_a_clip_depends_on_its_own_random_numbers_alone():
    chosen = all_scenes()[:5]
    randoms = [np.random.default_rng(seed) for seed in range(5)]

    together = draw_clips(chosen, randoms, CANVAS)

    assert together.dtype == np.uint8
    assert together.shape == (5, 8, 48, 48, 3)
    for seed, (scene, clip) in enumerate(zip(chosen, together, strict=True)):
        np.testing.assert_array_equal(clip, draw(scene, seed))
        assert not np.array_equal(clip, draw(scene, seed + 1))


def test_an_odd_number_of_frames_is_refused():
    with pytest.raises(ValueError, match="num_frames must be even, got 5"):
        Canvas(num_frames=5, frame_size=32)


def test_a_step_is_the_same_whatever_came_before():
    straight = list(stream().batches(0, 20))
    (again,) = stream().batches(17, 18)

    torch.testing.assert_close(again.video, straight[17].video, rtol=0, atol=0)
    assert again.items_B.tolist() == straight[17].items_B.tolist()
    assert not torch.equal(straight[3].video, next(stream(seed=1).batches(3, 4)).video)


def test_a_pair_keeps_its_words_and_gets_a_new_clip_in_each_epoch():
    seen = {}
    for batch in stream().batches(0, 28):
        for item, clip, ids in zip(
            batch.items_B, batch.video, batch.text.input_ids_BL, strict=True
        ):
            seen.setdefault(int(item), []).append((clip, ids))

    assert len(seen) == 168
    for (clip, ids), (other_clip, other_ids) in seen.values():
        assert torch.equal(ids, other_ids)
        assert not torch.equal(clip, other_clip)


def test_processes_share_a_step():
    (whole,) = stream().batches(5, 6)
    parts = [next(stream(rank=rank, world_size=2).batches(5, 6)) for rank in range(2)]

    assert torch.equal(torch.cat([part.video for part in parts]), whole.video)


def test_an_order_of_another_list_is_refused():
    with pytest.raises(ValueError, match="168 training scenes, got 20 items"):
        SyntheticPairs(processor(), BatchOrder(num_items=20, batch_size=4, seed=0))


def test_every_word_of_a_caption_is_a_token():
    tokenizer = synthetic_tokenizer()
    for scene in all_scenes():
        assert tokenizer.tokenize(scene.caption) == scene.caption.split()
        assert tokenizer.decode(tokenizer(scene.caption)["input_ids"][1:-1]) == scene.caption


class WatchingModel(torch.nn.Module):
    """Tells colour and ways from the pixels by rule, and sees no shapes."""

    device = torch.device("cpu")
    places = ("color", "first", "second")

    def __init__(self, *, sees_time):
        super().__init__()
        self.sees_time = sees_time

    def encode_text(self, ids_BL, mask_BL):
        words = synthetic_tokenizer().batch_decode(ids_BL, skip_special_tokens=True)
        return torch.stack([self._vector(*np.array(text.split())[[0, 3, 5]]) for text in words])

    def encode_video(self, clips_BCTHW):
        clips = ((clips_BCTHW * 0.225 + 0.45) * 255).permute(0, 2, 3, 4, 1).numpy()
        return torch.stack([self._vector(color_of(clip), *ways_of(clip)) for clip in clips])

    def _vector(self, color, first, second):
        names = [*COLORS, *(f"first {way}" for way in WAYS), *(f"then {way}" for way in WAYS)]
        said = [color, f"first {first}", f"then {second}"] if self.sees_time else [color]
        return torch.tensor([float(name in said) for name in names])


def test_a_model_that_sees_colours_and_ways_is_right_about_them_alone():
    result = evaluate_synthetic(WatchingModel(sees_time=True), processor(), clips_per_scene=2)

    assert (result.color, result.ways, result.time_order, result.word_order) == (1, 1, 1, 1)
    assert result.recall_at_1 == 0  # the four shapes tie
    assert 0 < result.shape < 1
    assert result.num_clips == 48


def test_a_model_that_does_not_see_time_is_at_half_of_its_order():
    result = evaluate_synthetic(WatchingModel(sees_time=False), processor(), clips_per_scene=1)

    assert (result.color, result.time_order, result.word_order) == (1, 0.5, 0.5)


def test_asking_leaves_the_model_in_its_mode():
    model = WatchingModel(sees_time=False).train()

    evaluate_synthetic(model, processor(), clips_per_scene=1)

    assert model.training


def test_the_judge_of_a_run_asks_about_held_out_scenes():
    _, train, val, _ = drawn_pairs()
    judge = SyntheticJudge(processor(), seed=0)

    assert [pair.captions for pair in val] == [(scene.caption,) for scene in held_out_scenes()]
    assert len({pair.place for pair in train + val}) == 192
    assert judge.owners().tolist() == list(range(24))


def test_the_recipe_has_a_model_and_words_of_its_own():
    config = synthetic()
    built = build_model(config.model, seed=0, tokenizer=own_tokenizer(config.model.preset))

    ids_BL, mask_BL = built.processor.texts([scene.caption for scene in all_scenes()])
    spec = built.processor.clip_spec

    assert ids_BL.max() < built.model.text_tower.encoder.config.vocab_size
    assert mask_BL.all()
    assert Canvas(num_frames=spec.num_frames, frame_size=spec.frame_size)
    assert config.loss.num_negatives < len(training_scenes())
