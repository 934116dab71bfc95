"""cpd-base: made from the package, it is the model that was measured; a run is shipped whole."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cpd_model.built_in.shipped import base_folder, base_record, make_base, ship
from cpd_model.bundles.bundle import (
    describe_bundle,
    open_bundle,
    recorded_fingerprint,
    verify_bundle,
)
from cpd_model.errors import InputError

DATA = Path(__file__).parents[3] / "cpd_model" / "built_in" / "data" / "cpd-base"
LARGEST_BYTES = 24_000_000


def test_it_is_the_model_that_the_run_measured(base_bundle: Path) -> None:
    facts = describe_bundle(base_bundle)

    assert verify_bundle(base_bundle) == []
    assert recorded_fingerprint(base_bundle) == base_record()["bundle_fingerprint"]
    assert (facts.video_tower, facts.embed_dim) == ("frames", 384)
    assert base_folder() == base_bundle


def test_it_is_small_and_says_how_it_was_made() -> None:
    record, card = base_record(), (DATA / "README.md").read_text()

    assert sum(path.stat().st_size for path in DATA.iterdir()) <= LARGEST_BYTES
    assert record["finished"]
    assert record["commit"]
    assert record["settings"]["recipe"] == "base"
    for data_set in ("MSR-VTT", "Flickr8k", "COCO"):
        assert data_set in card
    assert record["command"] in card


@pytest.mark.slow
def test_it_tells_what_its_start_tells_and_differs_from_it(
    base_bundle: Path, start_bundle: Path
) -> None:
    base, start = open_bundle(base_bundle), open_bundle(start_bundle)
    query, fitting, other = "a dog runs", "the dog is running", "a bowl of soup"

    similar, different = base.encode_text([fitting, other]) @ base.encode_text([query])[0]

    assert similar > different
    assert base.fingerprint != start.fingerprint


@pytest.mark.slow
def test_shipping_a_run_writes_what_is_in_the_package(base_bundle: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(base_bundle, run / "bundle")
    shutil.copy(DATA / "README.md", run / "bundle" / "README.md")
    shutil.copy(DATA / "run.json", run / "run.json")

    ship(run, tmp_path / "shipped")

    written = load_file(tmp_path / "shipped" / "weights.safetensors")
    stored = load_file(DATA / "weights.safetensors")
    assert written.keys() == stored.keys()
    assert all(weight.dtype == torch.float16 for weight in written.values())
    assert all(torch.equal(written[name], stored[name]) for name in stored)


@pytest.mark.parametrize("record", [None, {"finished": False}])
def test_an_unfinished_run_is_not_shipped(record: dict[str, bool] | None, tmp_path: Path) -> None:
    if record is not None:
        (tmp_path / "run.json").write_text(json.dumps(record))

    with pytest.raises(InputError, match="holds no finished run"):
        ship(tmp_path, tmp_path / "shipped")


def test_a_second_making_leaves_the_first_as_it_is(base_bundle: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in base_bundle.iterdir()}

    make_base(base_bundle)

    assert {path.name: path.stat().st_mtime_ns for path in base_bundle.iterdir()} == before
