"""Recipes are whole, typed and JSON; the paper's are the paper's."""

import json

import pytest

from cpd_model.errors import InputError
from training.recipes import RECIPES, find_recipe, instagram300k, kinetics210k


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_bears_its_name_and_is_json(name):
    config = find_recipe(name)()

    assert config.recipe == name
    assert json.loads(json.dumps(config.as_json()))["recipe"] == name


def test_the_papers_recipe_has_the_papers_numbers():
    config = kinetics210k()

    assert (config.data.batch_size, config.epochs) == (256, 300)
    assert (config.loss.kind, config.loss.num_negatives) == ("nce", 16_392)
    assert (config.loss.temperature, config.loss.bank_momentum) == (0.07, 0.5)
    assert (config.optimizer.kind, config.optimizer.learning_rate) == ("sgd", 0.1)
    assert (config.optimizer.momentum, config.optimizer.weight_decay) == (0.9, 1e-4)
    assert config.optimizer.milestones == (100, 201, 250)
    assert config.optimizer.clip_norm == 20
    assert config.curriculum.unfreeze_epoch == 150
    assert config.curriculum.text_learning_rate == 3e-5
    assert config.data.short_side_pixels == (256, 340)
    assert config.data.middle_seconds == 20
    assert config.model.text_start == "distilbert-base-uncased"


def test_both_data_sets_of_the_paper_are_learned_from_alike():
    kinetics, instagram = kinetics210k().as_json(), instagram300k().as_json()

    kinetics.pop("recipe")
    instagram.pop("recipe")

    assert kinetics == instagram


def test_a_near_name_is_suggested():
    with pytest.raises(InputError, match="no recipe 'smok'; did you mean smoke"):
        find_recipe("smok")


def test_without_a_near_name_all_are_listed():
    with pytest.raises(InputError, match="there are kinetics210k, "):
        find_recipe("xyz")
