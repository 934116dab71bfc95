"""What a package offers by name is there, in order, and found by tools."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["cpd", "cpd_model", "index", "training", "service"])
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


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    """As for any module: the traceback asks `Did you mean: 'load_encoder'?`."""
    done = subprocess.run(
        [sys.executable, "-c", "import cpd_model; cpd_model.load_encodre"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "load_encoder" in done.stderr


def test_training_shows_all_that_it_does() -> None:
    """Its face is more than evaluation: train, adapt, measure, and read what these need."""
    training = importlib.import_module("training")

    assert {
        *("run_training", "run_adaptation", "RunRequest", "RunResult", "RECIPES", "find_recipe"),
        *("evaluate_retrieval", "evaluate_zero_shot", "evaluate_linear", "evaluate_finetune"),
        *("read_pairs", "read_manifest", "list_ucf101", "list_folder"),
    } <= set(training.__all__)


def test_a_wheel_ships_the_lists_of_names() -> None:
    """Without its __init__.pyi beside it a package would not even import."""
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    shipped = set(hatch["build"]["targets"]["wheel"]["include"])

    lists = {path.parent for path in ROOT.glob("*/__init__.pyi")}

    assert {f"/{folder.name}" for folder in lists} <= shipped
