"""What a package offers by name is there, in order, and found by tools."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(params=["cpd_model", "index", "training", "service"])
def package(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_public_names_are_sorted_and_unique(package: ModuleType) -> None:
    """A sorted list shows what is missing, and merges without conflict."""
    assert list(package.__all__) == sorted(set(package.__all__))


def test_every_public_name_can_be_used(package: ModuleType) -> None:
    """Names are loaded on first use, so a wrong one would show only then."""
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_every_public_name_is_listed_by_dir(package: ModuleType) -> None:
    """`dir` and tab completion see what is loaded lazily."""
    assert set(package.__all__) <= set(dir(package))


def test_an_unknown_name_says_so(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name
