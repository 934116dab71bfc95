"""A tiny bundle, eight pairs, and a cache that has seen them."""

import pytest

from cpd_model.testing import tiny_bundle
from tests.training.features.feature_streams import data, load
from tests.training.media import write_pairs
from training.features.frame_features import frame_table
from training.features.frozen_towers import FrozenTowers


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture
def model_and_processor(bundle):
    return load(bundle)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def cache_root(tmp_path_factory, bundle, pairs):
    """A cache that has seen all pairs, both views."""
    root = tmp_path_factory.mktemp("cache")
    frame_table(pairs, FrozenTowers(*load(bundle), cache_root=root), data=data(feature_views=2))
    return root
