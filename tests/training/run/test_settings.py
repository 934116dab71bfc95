"""`--set key=value`: nested names, values of the fields' types, one sentence for what is wrong."""

import math
import re
from dataclasses import is_dataclass
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from training.config import RunConfig
from training.recipes import RECIPES
from training.run.settings import apply_settings, refuse_unused, setting_lines

CONFIG = RunConfig(recipe="test")


@pytest.mark.parametrize(
    ("setting", "read", "value"),
    [
        ("seed=7", lambda config: config.seed, 7),
        ("loss.num_negatives=4096", lambda config: config.loss.num_negatives, 4096),
        ("optimizer.learning_rate=1e-3", lambda config: config.optimizer.learning_rate, 1e-3),
        ("optimizer.clip_norm=none", lambda config: config.optimizer.clip_norm, None),
        ("optimizer.milestones=[1, 2.5]", lambda config: config.optimizer.milestones, (1.0, 2.5)),
        ("data.flip=false", lambda config: config.data.flip, False),
        ("data.short_side_pixels=[32, 40]", lambda config: config.data.short_side_pixels, (32, 40)),
        ("curriculum.unfreeze_epoch=null", lambda config: config.curriculum.unfreeze_epoch, None),
        ("loss.kind=infonce", lambda config: config.loss.kind, "infonce"),
        ("model.start=cpd-start", lambda config: config.model.start, "cpd-start"),
        ("model.start=2024", lambda config: config.model.start, "2024"),
        ("model.start=a=b", lambda config: config.model.start, "a=b"),
        (" seed = 3 ", lambda config: config.seed, 3),
    ],
)
def test_a_value_takes_the_type_of_its_field(setting, read, value):
    changed = apply_settings(CONFIG, [setting])

    assert read(changed) == value
    assert type(read(changed)) is type(value)


def test_a_longer_name_reaches_into_an_object_and_keeps_the_rest():
    changed = apply_settings(
        CONFIG,
        ["model.changes.video_options.depth=18", "model.changes.video_options.shortcut=B"],
    )

    assert changed.model.changes == {"video_options": {"depth": 18, "shortcut": "B"}}
    assert CONFIG.model.changes == {}


def test_the_last_of_two_values_wins():
    assert apply_settings(CONFIG, ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("loss.num_negative=3", "no setting loss.num_negative; did you mean loss.num_negatives"),
        ("lose.kind=nce", "no setting lose.kind; "),
        ("zzz=1", "no setting zzz; there are recipe, seed"),
        ("seed", "--set seed has no value: write it as key=value"),
        ("seed=many", "seed cannot be 'many': input should be a valid integer"),
        ("loss.kind=triplet", "loss.kind cannot be 'triplet': input should be 'nce'"),
        ("loss=nce", "loss is a group of settings; set one of them, such as loss.kind"),
        ("seed.deep=1", "seed.deep goes too deep: seed is one value"),
    ],
)
def test_what_cannot_be_set_is_one_sentence(setting, sentence):
    with pytest.raises(InputError) as caught:
        apply_settings(CONFIG, [setting])

    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_printed_configuration_is_what_set_takes(recipe):
    blank = RunConfig(recipe="blank", epochs=1.0)

    rebuilt = apply_settings(blank, setting_lines(recipe()))

    assert rebuilt == recipe()


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_it_was_printed(rate):
    changed = apply_settings(CONFIG, [f"optimizer.learning_rate={rate!r}"])

    assert changed.optimizer.learning_rate == rate


RANGES = {
    "loss.temperature": (0.0, math.inf),
    "loss.num_negatives": (0, math.inf),
    "loss.bank_momentum": (-1e-9, 1.0),
    "data.batch_size": (1, math.inf),
    "data.short_side_pixels": (0, math.inf),
    "data.middle_seconds": (0.0, math.inf),
    "data.feature_views": (0, 3),
    "data.max_bad_fraction": (-1e-9, 1.000001),
    "data.num_workers": (0, math.inf),
    "optimizer.learning_rate": (-1e-9, math.inf),
    "optimizer.momentum": (-1e-9, 1.0),
    "optimizer.weight_decay": (-1e-9, math.inf),
    "optimizer.clip_norm": (0.0, math.inf),
    "optimizer.warmup_epochs": (-1e-9, math.inf),
    "optimizer.milestones": (-1e-9, math.inf),
    "optimizer.decay": (-1e-9, 1.000001),
    "curriculum.unfreeze_epoch": (-1e-9, math.inf),
    "curriculum.text_learning_rate": (-1e-9, math.inf),
    "curriculum.text_layers": (-1, math.inf),
    "seed": (-1, 2**32),
    "epochs": (0.0, math.inf),
    "accumulate": (0, math.inf),
    "checkpoint_steps": (0, math.inf),
    "keep_checkpoints": (0, math.inf),
    "evaluate_epochs": (0.0, math.inf),
}
"""Of each numeric setting the greatest number that is too small, the least that is too large."""

TUPLES = {"data.short_side_pixels": "[{0}, {0}]", "optimizer.milestones": "[1, {0}]"}


def numeric_keys(kind, prefix=""):
    """Names of all settings into whose type a number goes; bools are none."""
    for name, inner in get_type_hints(kind).items():
        key = f"{prefix}{name}"
        if is_dataclass(inner):
            yield from numeric_keys(inner, f"{key}.")
        elif re.search(r"\b(int|float)\b", str(inner)):
            yield key


def test_every_numeric_setting_has_a_range():
    assert set(numeric_keys(RunConfig)) == RANGES.keys()


@given(data=st.data())
@pytest.mark.parametrize("key", RANGES)
def test_a_number_out_of_its_range_is_one_sentence(key, data):
    too_small, too_large = RANGES[key]
    below = st.integers(max_value=math.floor(too_small)) | st.floats(
        max_value=too_small, allow_infinity=False
    )
    above = st.nothing() if too_large == math.inf else st.floats(min_value=too_large)
    words = st.sampled_from(["NaN", "Infinity", "-Infinity", "nan", "inf"])
    written = TUPLES.get(key, "{0}").format(data.draw(words | below | above))

    with pytest.raises(InputError, match=re.escape(f"{key} cannot be {written!r}: ")) as caught:
        apply_settings(CONFIG, [f"{key}={written}"])

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_itself_is_refused_nothing(recipe):
    refuse_unused(recipe(), recipe=recipe())


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        (["model.start=cpd-base", "model.preset=tiny-frames"], "model.preset"),
        (["model.start=cpd-base", "model.video_start=r50.pth"], "model.video_start"),
        (["model.start=cpd-base", "model.text_start=distilbert"], "model.text_start"),
        (["model.changes.similarity_temperature=0.1"], "model.changes.similarity_temperature"),
        (["loss.kind=infonce", "loss.num_negatives=3"], "loss.num_negatives"),
        (["optimizer.schedule=cosine", "optimizer.decay=0.5"], "optimizer.decay"),
        (["curriculum.unfreeze_epoch=none", "curriculum.text_layers=2"], "curriculum.text_layers"),
        (["data.feature_views=2"], "data.feature_views"),
        (["model.features=true", "data.middle_seconds=2"], "data.middle_seconds"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(settings, unused):
    config = apply_settings(CONFIG, settings)

    with pytest.raises(InputError, match=f"^{re.escape(unused)} does nothing where .*leave it out"):
        refuse_unused(config, recipe=CONFIG)
