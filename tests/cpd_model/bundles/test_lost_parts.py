"""A bundle that lost a file or a value says which, and is no traceback."""

import json
from pathlib import Path

import pytest

from cpd_model.bundles.bundle import open_bundle, verify_bundle
from cpd_model.errors import BundleError
from cpd_model.loading import verify_model
from cpd_model.testing import tiny_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "tiny")


@pytest.mark.parametrize("name", ["config.json", "processor_config.json"])
def test_a_file_that_lost_its_values_is_a_problem_and_not_a_traceback(
    name: str, folder: Path
) -> None:
    (folder / name).write_text("{}")

    (problem,) = verify_bundle(folder)

    assert name.removesuffix(".json").removesuffix("_config") in problem
    with pytest.raises(BundleError, match="make or copy the bundle again"):
        open_bundle(folder)


def test_a_file_beside_the_parts_that_is_missing_is_named(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()

    assert verify_bundle(folder) == ["tokenizer_config.json is missing"]


def test_a_bundle_without_its_record_says_which_file_it_lacks(folder: Path) -> None:
    (folder / "bundle.json").unlink()

    (problem,) = verify_model(folder, name="mine")

    assert problem == (
        "mine holds a model of type 'cpd' and no bundle.json, which tells what it was saved as: "
        "make or copy the bundle again"
    )


@pytest.mark.parametrize("lost", ["format", "beside", "parts"])
def test_a_record_that_lost_a_value_says_which(lost: str, folder: Path) -> None:
    record = json.loads((folder / "bundle.json").read_text())
    del record[lost]
    (folder / "bundle.json").write_text(json.dumps(record))

    (problem,) = verify_bundle(folder)

    assert f"is damaged: it has no '{lost}';" in problem
