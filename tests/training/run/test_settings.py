"""`--set key=value`: nested names, values of the fields' types, one sentence for what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from training.config import RunConfig
from training.recipes import RECIPES
from training.run.settings import apply_settings, setting_lines

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
