"""Adapting a bundle: it begins as its start, and never ends worse on what was held back."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.bundles.bundle import open_bundle, open_model, recorded_fingerprint, save_bundle
from cpd_model.config import CPDConfig
from cpd_model.errors import InputError
from cpd_model.made_tokenizers import tiny_tokenizer
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from cpd_model.testing import tiny_bundle
from tests.training.media import write_pairs
from tests.training.run_listener import RememberingListener
from training.adapt.adaptation import Adaptation
from training.adapt.blend import WeightBlend
from training.adapt.course import Candidate, Choice
from training.adapt.folds import (
    FOLDS,
    LARGE,
    Trial,
    num_judges,
    plan_trials,
    readable_trials,
    trials_of,
)
from training.adapt.judge import HeldRanks, held_ranks, pooled
from training.adapt.order import CaptionOrder
from training.adapt.pairs import (
    AdaptPairs,
    caption_column,
    caption_kinds,
    groups_of,
    read_adapt_pairs,
)
from training.adapt.run import run_adaptation
from training.data.pair import Pair
from training.data.pairs import read_pairs
from training.recipes import adapt
from training.run.request import RunRequest
from training.run.settings import apply_settings


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A bundle whose random backbone is large enough that its features survive float16."""
    return tiny_bundle(tmp_path_factory.mktemp("start") / "start", float16_features=True)


@pytest.fixture(scope="module")
def still_start(tmp_path_factory):
    """A bundle without batch norms that learn: at a rate of 0 nothing of it changes."""
    text_options = {**CPDConfig.preset("tiny-frames").text_options, "projection": "none"}
    config = CPDConfig.preset("tiny-frames", embed_dim=16, text_options=text_options)
    processor = CPDProcessor.for_config(config, tiny_tokenizer())
    folder = tmp_path_factory.mktemp("still") / "start"
    save_bundle(CPDModel(config), processor, folder)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("clips"), 9)


def config(start, *changes):
    quick = ["epochs=4", "evaluate_epochs=1", "data.num_workers=1", "optimizer.learning_rate=0.01"]
    return apply_settings(adapt(), [f"model.start={start}", *quick, *changes])


def adaptation(start, clips, *changes, num_held=3):
    train, val = clips[: len(clips) - num_held], clips[len(clips) - num_held :]
    trials = plan_trials(caption_kinds(train), [pair.id for pair in train], seed=0)
    pairs = AdaptPairs("clips", train, val, "0" * 64, trials_of(train, val) if val else trials)
    prepared = Adaptation(pairs, config(start, *changes))
    prepared.prepare()
    return prepared


def test_before_the_first_step_it_is_the_start_bit_for_bit(start, clips):
    prepared = adaptation(start, clips)
    before, processor = open_model(start)
    features_BTF = torch.rand(3, 4, before.video_tower.num_features)
    ids_BL, mask_BL = processor.texts(["red 1", "a blue thing"])

    with torch.inference_mode():
        grown = prepared.built.model.train(False)
        assert prepared.built.new_weights
        assert torch.equal(before.pool_frames(features_BTF), grown.pool_frames(features_BTF))
        assert torch.equal(before.encode_text(ids_BL, mask_BL), grown.encode_text(ids_BL, mask_BL))


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_a_blend_is_a_weighted_mean_of_then_and_now(weight):
    model = torch.nn.Linear(2, 2)
    blend = WeightBlend(model)
    then = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)

    blended = blend.weights(weight)

    for name, tensor in then.items():
        assert torch.allclose(blended[name], tensor + weight)
        assert weight or torch.equal(blended[name], tensor)
    with blend.inside(weight):
        assert torch.equal(model.weight, blended["weight"])
    assert torch.equal(model.weight, then["weight"] + 1.0)


@settings(max_examples=4)
@given(
    seed=st.integers(0, 2**16),
    rate=st.sampled_from([1e-3, 0.1, 3.0]),
    num_held=st.sampled_from([0, 3]),
)
def test_it_never_ends_worse_than_its_start_on_what_was_held_back(
    start, clips, seed, rate, num_held
):
    order = np.random.default_rng(seed).permutation(len(clips))
    shuffled = [replace(clips[i], captions=clips[j].captions) for i, j in enumerate(order.tolist())]
    changes = f"seed={seed}", f"optimizer.learning_rate={rate}"
    prepared = adaptation(start, shuffled, *changes, num_held=num_held)

    prepared.learn()

    course = prepared.course
    assert course.best.figures["mean_mrr"] >= course.start.figures["mean_mrr"]
    assert course.best.figures["recall"] >= course.start.figures["recall"]
    assert course.best is course.start or course.best.clearly_better_than(course.start)


@pytest.mark.parametrize("num_held", [0, 3])
def test_the_result_is_what_was_chosen_learned_again_from_all(start, clips, num_held):
    prepared = adaptation(start, clips, num_held=num_held)
    course, learner = prepared.course, prepared._learner
    course.choose = lambda *, on_line: None
    course.best = Choice(course.start.ranks, Candidate(2, 0.5))

    prepared.learn()
    result, _ = prepared.result()
    chosen = {name: tensor.clone() for name, tensor in result.state_dict().items()}
    everyone = tuple(range(len(clips) - num_held))
    learner.learn(everyone, on_step=lambda report: report.step < 2)

    for name, tensor in learner.blend.weights(0.5).items():
        assert torch.equal(chosen[name], tensor)
    for name, tensor in learner.blend.weights(0.0).items():
        learner.blend.restart()
        assert torch.equal(result.state_dict()[name], tensor)


def test_labels_are_weighed_as_the_loss_did_and_those_of_a_kept_start_as_before(start, clips):
    prepared = adaptation(start, clips, "loss.temperature=0.2")
    course = prepared.course
    course.choose = lambda *, on_line: None
    temperatures = {}

    for weight in (0.0, 0.5):
        course.best = Choice(course.start.ranks, Candidate(2, weight))
        prepared.learn()
        model, _ = prepared.result()
        temperatures[weight] = model.cpd_config.similarity_temperature

    assert temperatures == {0.0: 0.07, 0.5: 0.2}


def test_named_judges_see_the_result_as_it_was_chosen(start, clips):
    prepared = adaptation(start, clips)
    prepared.course.best = prepared.course.start
    prepared.course.choose()
    step, weight = 4, 0.75
    seen = pooled(prepared.course._ranks[Candidate(step, weight)])

    prepared._learner.learn(tuple(range(6)), on_step=lambda report: report.step < step)

    with prepared._learner.blend.inside(weight):
        again = prepared.course._judge.ranks(prepared._learner.towers, (6, 7, 8))
    assert again.figures() == seen.figures()


@pytest.mark.parametrize(
    ("after", "better"),
    [
        ((1, 1, 1, 1), True),  # all gain the same: no doubt
        ((1, 2, 2, 2), False),  # one of four gains: one standard error, no more
        ((1, 1, 2, 2), True),
        ((1, 1, 4, 4), False),
        ((2, 2, 2, 2), False),
    ],
)
def test_a_gain_is_one_that_stands_out_from_chance(after, better):
    def choice(ranks):
        return Choice(HeldRanks(tuple(np.array([r]) for r in ranks), np.array(ranks)))

    start = choice((2.0, 2.0, 2.0, 2.0))

    assert choice([float(rank) for rank in after]).clearly_better_than(start) == better


def test_where_nothing_is_better_the_bundle_is_the_starts(still_start, clips, tmp_path):
    source = write_list(tmp_path / "clips.csv", clips, "caption")
    told = RememberingListener()
    request = RunRequest(
        config=config(still_start, "optimizer.learning_rate=0"),
        out=tmp_path / "run",
        pairs=source,
        device="cpu",
    )

    result = run_adaptation(request, command="cpd train adapt", listener=told)

    assert "the start is kept" in told.messages[-1]
    assert result.figures["chosen_weight"] == 0
    assert recorded_fingerprint(result.bundle) == recorded_fingerprint(still_start)
    texts = ["red 1", "a blue thing"]
    before, after = (
        open_bundle(folder).encode_text(texts) for folder in (still_start, result.bundle)
    )
    np.testing.assert_array_equal(before, after)
    assert "The start is kept as it was" in (result.bundle / "README.md").read_text()


def test_a_run_leaves_a_bundle_its_record_and_its_card(start, clips, tmp_path):
    source = write_list(tmp_path / "clips.csv", clips, "label")
    told = RememberingListener()
    request = RunRequest(config=config(start), out=tmp_path / "run", pairs=source, device="cpu")

    run_adaptation(request, command="cpd train adapt --pairs clips.csv", listener=told)

    record = json.loads((tmp_path / "run" / "run.json").read_text())
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    card = (tmp_path / "run" / "bundle" / "README.md").read_text()
    assert record["finished"]
    assert record["bundle_fingerprint"] == recorded_fingerprint(tmp_path / "run" / "bundle")
    assert "mean_mrr_at_0.5" in json.loads(lines[0])
    assert "clips.csv: each clip's label is its caption" in told.messages
    assert "| held back | before | after |" in card
    assert "9 pairs of `clips.csv`" in card


def write_list(path, pairs, column):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", column])
        writer.writerows([str(pair.path), pair.captions[0]] for pair in pairs)
    return path


def made_up(*captions, split=""):
    return [
        Pair(id=f"{i}", path=f"/clips/{i}.mp4", captions=(text,), split=split)
        for i, text in enumerate(captions)
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("path,caption\na.mp4,one\nb.mp4,two\n", "has 2 captioned clips .* adapting needs 3 or"),
        ("path,caption\na.mp4,x\nb.mp4,x\nc.mp4,x\n", "all captions in clips.csv are equal"),
        ("path,caption\na.mp4,x\na.mp4,y\na.mp4,z\n", "all pairs in clips.csv are of one video"),
        ("path,caption,group\na,x,g\nb,y,g\nc,z,g\n", "are of 1 groups, and holding one back"),
    ],
)
def test_what_nothing_can_be_learned_from_is_one_sentence(rows, sentence, tmp_path):
    (tmp_path / "clips.csv").write_text(rows)

    with pytest.raises(InputError, match=sentence):
        read_adapt_pairs(tmp_path / "clips.csv", None, seed=0)


def test_a_tower_that_looks_across_frames_is_refused(tmp_path, clips):
    folder = tiny_bundle(tmp_path / "tiny", video_tower="resnet3d")

    with pytest.raises(InputError, match="looks across frames, and adapt learns from features"):
        adaptation(folder, clips)


@given(data=st.data(), seed=st.integers(0, 100))
def test_no_group_is_torn_apart_and_every_pair_judges_once(data, seed):
    groups = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=20, max_size=20))
    if min(20 - groups.count(group) for group in groups) < 2:
        return

    trials = plan_trials(range(20), groups, seed=seed)

    assert len(trials) == min(FOLDS, len(set(groups)))
    assert sorted(item for trial in trials for item in trial.held) == list(range(20))
    for learned, held in trials:
        assert sorted(learned + held) == list(range(20))
        assert not {groups[i] for i in learned} & {groups[i] for i in held}


@given(seed=st.integers(0, 100))
def test_each_label_keeps_a_clip_to_learn_from(seed):
    kinds = [0, 1, 2] * 4

    trials = plan_trials(kinds, [f"{i}" for i in range(12)], seed=seed)

    for learned, held in trials:
        assert {kinds[i] for i in learned} == {kinds[i] for i in held} == {0, 1, 2}


def test_of_a_large_list_one_part_judges():
    names = [f"{i}" for i in range(LARGE)]

    trials = plan_trials(range(LARGE), names, seed=0)

    assert len(trials) == 1
    assert num_judges(trials) == LARGE / FOLDS


def test_what_cannot_be_read_neither_learns_nor_judges():
    trials = [Trial((0, 1, 2), (3,)), Trial((0, 2, 3), (1,))]

    assert readable_trials(trials, [True, True, True, False]) == [Trial((0, 2), (1,))]
    with pytest.raises(InputError, match="only 1 of 4 clips can be read, too few to learn"):
        readable_trials(trials, [True, False, False, False])


def test_labels_are_captions_only_where_there_is_no_caption(tmp_path):
    both, labels = tmp_path / "both.csv", tmp_path / "labels.csv"
    both.write_text("path,caption,label\na.mp4,a man runs,Run\n")
    labels.write_text("path,caption,label\na.mp4,,Run\n")

    assert caption_column(both) == "caption"
    assert caption_column(labels) == "label"


def test_groups_are_the_column_where_it_is_filled_else_the_video(tmp_path):
    source = tmp_path / "clips.csv"
    source.write_text("path,caption,group\na.mp4,x,g1\nb.mp4,y,g1\nc.mp4,z,\n")

    groups = groups_of(read_pairs(source))

    assert groups[0] == groups[1] == "group g1"
    assert groups[2].startswith("video")


def test_pairs_that_share_a_caption_are_of_one_kind():
    pairs = made_up("x", "y", "x", "z")
    pairs[1] = replace(pairs[1], captions=("y", "z"))

    kinds = caption_kinds(pairs)

    assert kinds[0] == kinds[2] != kinds[1] == kinds[3]
    assert sorted(set(kinds)) == [0, 1]


@given(step=st.integers(0, 1000), seed=st.integers(0, 100))
def test_no_caption_stands_twice_in_a_batch_and_all_are_drawn(step, seed):
    kinds, members = (0, 0, 1, 2, 2, 2, 3), (1, 2, 3, 5, 6)
    order = CaptionOrder(num_items=7, batch_size=3, seed=seed, kinds=kinds, members=members)

    items = order.items(step).tolist()

    assert len({kinds[item] for item in items}) == 3
    assert set(items) <= set(members)
    assert items == order.items(step).tolist()


def test_figures_of_held_back_pairs_by_hand():
    # two texts; videos 0 and 1 are of text 0, video 2 of text 1; 1 and 2 are held back
    scores_UV = np.array([[0.9, 0.2, 0.5], [0.1, 0.3, 0.8]])
    owned_UV = np.array([[True, True, False], [False, False, True]])

    figures = held_ranks(scores_UV, owned_UV, held=(1, 2)).figures()

    # text 0 finds video 1 behind 2 (0 is its own too); text 1 finds video 2 first
    assert figures["mrr"] == (1 / 2 + 1) / 2
    # video 1 is nearer to text 1 than to its own; video 2 is right
    assert figures["video_to_text_mrr"] == (1 / 2 + 1) / 2
    assert figures["recall_at_1"] == figures["video_to_text_recall_at_1"] == 0.5
    assert figures["recall"] == (0.5 + 1 + 1) / 3
