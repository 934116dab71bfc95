"""constraints.txt: what `make setup` installs is the same today and in a year."""

import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def read_pins() -> dict[str, str]:
    """Distribution -> exact version, as constraints.txt tells them."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def read_requirements() -> list[Requirement]:
    """What pyproject.toml asks for, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = chain(project["dependencies"], *project["optional-dependencies"].values())
    return [Requirement(text) for text in texts if not text.startswith("cpd[")]


@pytest.mark.parametrize("needed", read_requirements(), ids=str)
def test_a_pin_satisfies_what_the_project_asks_for(needed: Requirement) -> None:
    """A missing pin drifts; one outside the asked range makes `make setup` impossible."""
    assert needed.specifier.contains(read_pins()[canonicalize_name(needed.name)])


def test_both_faiss_have_one_version() -> None:
    """A library written with one is read with the other."""
    pins = read_pins()

    assert pins["faiss-gpu"] == pins["faiss-cpu"]


def test_torch_is_pinned_without_a_build() -> None:
    """`+cpu` or `+cu126` in the pin would refuse the wheels of every other index."""
    assert "+" not in read_pins()["torch"]
