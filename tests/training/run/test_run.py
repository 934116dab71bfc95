"""The parts of a run that need no training: pairs, recall, memory, warnings, folders."""

import json
import mmap

import numpy as np
import pytest
import torch

from cpd_model.config import CPDConfig
from cpd_model.errors import InputError
from tests.training.run_fakes import begin, plain_changes, run, tiny_config
from training.run.folder import RunFolder
from training.run.memory_budget import forget_peak, peak_bytes, predict
from training.run.model import merged_config
from training.run.pairs import read_run_pairs
from training.run.recall import recall_figures
from training.run.report import Warnings
from training.run.window import StepReport, Window
from training.synthetic.smoke import make_smoke_pairs


class KnownJudge:
    """A Judge whose vectors are given."""

    def __init__(self, video_VD, text_MD, owners):
        self._video_VD, self._text_MD, self._owners = video_VD, text_MD, owners

    def embed_videos(self, towers):
        return self._video_VD

    def embed_texts(self, towers):
        return self._text_MD

    def owners(self):
        return np.array(self._owners)


def test_recall_counts_each_caption_and_each_video_once():
    """Three videos along the axes; of two captions of the first, one points at the second."""
    towers = begin(tiny_config())[0].towers
    text_MD = torch.eye(3)[[0, 1, 1, 2]]

    figures = recall_figures(KnownJudge(torch.eye(3), text_MD, [0, 0, 1, 2]), towers)

    assert figures["recall_at_1"] == 3 / 4
    assert figures["video_to_text_recall_at_1"] == 2 / 3  # a tie counts against the second video
    assert figures["recall_at_5"] == figures["video_to_text_recall_at_5"] == 1
    assert figures["recall"] == pytest.approx((3 / 4 + 2 / 3 + 4) / 6)


def test_an_unreadable_video_is_never_found():
    towers = begin(tiny_config())[0].towers
    video_VD = torch.eye(3)
    video_VD[2] = float("nan")

    figures = recall_figures(KnownJudge(video_VD, torch.eye(3), [0, 1, 2]), towers)

    assert figures["recall_at_10"] == pytest.approx(2 / 3)
    assert figures["video_to_text_recall_at_10"] == pytest.approx(2 / 3)


def test_looking_at_recall_leaves_the_towers_training():
    towers = begin(tiny_config())[0].towers
    towers.train()

    recall_figures(KnownJudge(torch.eye(3), torch.eye(3), [0, 1, 2]), towers)

    assert towers.training
    assert not towers.model.text_tower.encoder.training  # frozen in stage I


def test_pairs_are_parted_by_their_split(tmp_path):
    source = make_smoke_pairs(tmp_path)

    pairs = read_run_pairs(source, None, on_message=pytest.fail)

    assert (len(pairs.train), len(pairs.val)) == (12, 4)
    assert {pair.split for pair in pairs.val} == {"val"}


def test_pairs_without_a_train_split_are_refused(tmp_path):
    source = tmp_path / "pairs.csv"
    source.write_text("path,caption,split\na.mp4,red,test\nb.mp4,blue,val\n")

    with pytest.raises(InputError, match="no pair of the split train, only of test, val"):
        read_run_pairs(source, None, on_message=pytest.fail)


@pytest.mark.parametrize("change", ["caption", "id", "order"])
def test_the_fingerprint_of_pairs_moves_with_what_is_learned(change, tmp_path):
    rows = [{"path": f"{n}.mp4", "id": n, "caption": n} for n in ("a", "b", "c")]
    first = _fingerprint(tmp_path, rows)
    moved = _fingerprint(tmp_path, [{**row, "path": f"x/{row['path']}"} for row in rows])
    other = {
        "caption": [{**rows[0], "caption": "z"}, *rows[1:]],
        "id": [{**rows[0], "id": "z"}, *rows[1:]],
        "order": rows[::-1],
    }[change]

    assert moved == first
    assert _fingerprint(tmp_path, other) != first


def test_options_of_a_tower_merge_and_the_rest_is_replaced():
    config = merged_config(
        CPDConfig.preset("tiny-resnet3d"), {"video_options": {"depth": 18}, "embed_dim": 12}
    )

    assert config.video.depth == 18
    assert config.video.base_channels == 4
    assert config.embed_dim == 12


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"embed_dimension": 3}, "model.changes.embed_dimension: .*no such value"),
        ({"video_options": {"depth": 7}}, "do not fit the model: depth must be one of"),
        ({"video_options": {"layers": 7}}, "do not fit the model: unknown or missing option"),
    ],
)
def test_a_change_that_does_not_fit_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        merged_config(CPDConfig.preset("tiny-resnet3d"), changes)


def test_banks_and_optimizer_are_part_of_the_expected_memory():
    towers = begin(tiny_config())[0].towers
    learning = sum(weight.numel() for weight in towers.model.parameters())

    budget = predict(towers, tiny_config(), num_items=1000, local_pairs=4)

    assert budget.gradients == budget.optimizer == 4 * learning
    assert budget.activations > 0
    assert towers.stage == "I"


def test_activations_grow_with_the_part_of_a_batch_that_is_held():
    towers = begin(tiny_config())[0].towers

    whole = predict(towers, tiny_config(), num_items=12, local_pairs=16)
    parts = predict(towers, tiny_config(accumulate=4), num_items=12, local_pairs=16)

    assert whole.activations == pytest.approx(4 * parts.activations, rel=0.01)


def test_counting_activations_changes_no_weight_and_no_statistic():
    state = begin(tiny_config())[0]
    before = {name: value.clone() for name, value in state.towers.state_dict().items()}

    predict(state.towers, tiny_config(), num_items=12, local_pairs=4)

    for name, value in state.towers.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_peak_of_memory_covers_what_was_held_and_given_back():
    towers = begin(tiny_config(model=plain_changes()))[0].towers
    forget_peak(towers)
    before = peak_bytes(towers)

    # Asked of the system itself: malloc may hand out pages that the process holds already.
    with mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.write(b"\1" * len(held))

    assert peak_bytes(towers) >= before + (60 << 20)


def test_a_starved_model_and_a_loss_at_chance_are_told_once():
    told = []
    warnings = Warnings(told.append, chance_loss=2.0, judged_from_step=30, judged_steps=20)

    for step in (20, 40, 60):
        warnings.look(step, _window(loss=1.99, wait_seconds=0.6))

    assert len(told) == 2
    assert "60% of the time is spent waiting for clips" in told[0]
    assert "the loss is 1.990 at step 60 and no longer falls, that of a model that" in told[1]
    assert "knows nothing is 2.000" in told[1]


def test_a_run_that_learns_in_time_is_not_warned_about():
    warnings = Warnings(pytest.fail, chance_loss=2.0, judged_from_step=30, judged_steps=20)

    warnings.look(20, _window(loss=2.0, wait_seconds=0.4))
    warnings.look(40, _window(loss=1.5, wait_seconds=0.4))


def test_a_loss_above_chance_that_still_falls_is_not_warned_about():
    """A random start may be sure of what is wrong: it first loses that."""
    warnings = Warnings(pytest.fail, chance_loss=2.0, judged_from_step=0, judged_steps=20)

    for step, loss in ((20, 9.0), (40, 6.0), (60, 4.0), (80, 1.5)):
        warnings.look(step, _window(loss=loss, wait_seconds=0.4))


def test_metrics_of_steps_that_are_done_again_are_dropped(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (10, 20, 30):
        folder.add_metrics({"step": step})
    with folder.metrics_file.open("a") as file:
        file.write('{"step": 4')  # a killed run wrote half a line

    folder.forget_metrics_after(20)

    lines = folder.metrics_file.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 10}, {"step": 20}]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "holiday.txt").write_text("mine")

    with pytest.raises(InputError, match="is not empty and holds no run"):
        RunFolder(tmp_path).check(resume=False)


def test_a_stopped_run_is_gone_on_with_only_when_asked(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write({"finished": False})

    folder.check(resume=True)
    with pytest.raises(InputError, match="go on with it by --resume"):
        folder.check(resume=False)


def test_a_step_tells_what_it_saw():
    config = tiny_config()
    state, stream, plan = begin(config)

    reports = run(state, stream, plan, config)

    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert all(report.num_pairs == 4 for report in reports)
    assert all(0 <= report.wait_seconds <= report.seconds for report in reports)


def _fingerprint(folder, rows):
    source = folder / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_run_pairs(source, None, on_message=pytest.fail).fingerprint


def _window(*, loss, wait_seconds):
    window = Window()
    for step in range(20):
        window.add(
            StepReport(
                step=step,
                loss=loss,
                gradient_norm=1.0,
                learning_rate=0.1,
                num_pairs=4,
                wait_seconds=wait_seconds,
                seconds=1.0,
            )
        )
    return window
