"""`cpd-base`: the default model, `cpd-start` with what this project's own training changed of it.

The package carries only the tensors that differ from `cpd-start`'s, in half precision, with the
configuration, a model card and the record of the run that made them (data/cpd-base beside this
file). The run rounds them to half precision itself, so the model that was measured and the one that
is made here have the same fingerprint.

    cpd train base --pairs pairs.jsonl --out RUN      train it again
    python -m cpd_model.built_in.shipped RUN                   put the result into the package
"""

import json
import re
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpd_model.built_in.start import START_TERMS, build_start, remove_stale
from cpd_model.bundles.bundle import open_model, save_bundle
from cpd_model.bundles.record import is_bundle
from cpd_model.cache import cache_folder
from cpd_model.errors import InputError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from cpd_model.model import CPDModel

BASE_NAME = "cpd-base"
BASE_VERSION = 2
"""Raised when a bundle's files change and its fingerprint does not, so that an older cached bundle
is not taken for this one."""

BASE_TERMS = (
    *START_TERMS,
    "head and text projection: trained by this project on captioned frames of MSR-VTT (research "
    "use; YouTube content), Flickr8k (research, non-commercial) and COCO (captions CC BY 4.0, "
    "images under Flickr terms); cpd-start has no such terms",
)
BASE_NOTES = (
    "It learned from single frames and captions: it finds what moments show by text; order and "
    "speed of movement it cannot tell.",
)

_WEIGHTS, _CONFIG, _RECORD, _CARD = "weights.safetensors", "config.json", "run.json", "README.md"
_FOLDER = "cpd-base"
_TERMS_LINE = re.compile(r"^Terms:.*$", re.MULTILINE)
"""A run does not know whose its pairs are; here it is known."""


def base_folder() -> Path:
    """Where `cpd-base` stands, or will stand once it was made; another one for other weights."""
    weights = base_record()["bundle_fingerprint"][:12]
    return cache_folder() / "models" / f"{BASE_NAME}-{weights}-{BASE_VERSION}"


def base_record() -> dict[str, Any]:
    """run.json of the run whose result is shipped."""
    record: dict[str, Any] = json.loads(_shipped().joinpath(_RECORD).read_text(encoding="utf-8"))
    return record


def make_base(folder: Path) -> None:
    """Make the bundle: seconds, no network, whole or not at all; does nothing where it stands.

    Raises:
        ModelNotFoundError: a pip package that carries weights is not installed.
        ModelError: what was made is not what was shipped: another version of a package's weights.
        BundleError: the folder holds something else.
    """
    if is_bundle(folder):
        return
    remove_stale(folder)
    made = folder.with_name(f"{folder.name}.made.partial")
    shutil.rmtree(made, ignore_errors=True)
    fingerprint = _save(made)
    expected = base_record()["bundle_fingerprint"]
    if fingerprint != expected:
        shutil.rmtree(made)
        raise ModelError(
            f"{BASE_NAME} came out as {fingerprint[:12]}, not as {expected[:12]}: packages that "
            "carry its weights are of other versions; install those that constraints.txt names"
        )
    made.rename(folder)


def ship(run: Path, target: Path) -> int:
    """Write what a finished run changed of `cpd-start` into `target`; returns the weights' bytes.

    Raises:
        InputError: the run is not finished, or its weights were not rounded to half precision.
    """
    from safetensors.torch import save_file

    record_file = run / _RECORD
    record = json.loads(record_file.read_text(encoding="utf-8")) if record_file.exists() else {}
    if not record.get("finished"):
        raise InputError(f"{run} holds no finished run; go on with cpd train --resume")
    model, _ = open_model(run / "bundle")
    changed = _changed_weights(model)
    for name, weight in changed.items():
        if not weight.half().float().equal(weight):
            raise InputError(
                f"{name} of {run} is no half precision number; train with round_weights=true"
            )
    target.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.half() for name, weight in changed.items()}, target / _WEIGHTS)
    (target / _WEIGHTS).chmod(0o644)
    config = json.loads((run / "bundle" / _CONFIG).read_text(encoding="utf-8"))
    (target / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (target / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    card = (run / "bundle" / _CARD).read_text(encoding="utf-8")
    terms = "Terms:\n\n" + "\n".join(f"- {term}" for term in BASE_TERMS)
    (target / _CARD).write_text(_TERMS_LINE.sub(terms, card), encoding="utf-8")
    return (target / _WEIGHTS).stat().st_size


def _save(folder: Path) -> str:
    from safetensors.torch import load_file

    from cpd_model.config import CPDConfig
    from cpd_model.model import CPDModel
    from cpd_model.processor import CPDProcessor

    start, processor = build_start()
    config = CPDConfig.from_dict(json.loads(_shipped().joinpath(_CONFIG).read_text("utf-8")))
    model = CPDModel(config)
    with as_file(_shipped().joinpath(_WEIGHTS)) as path:
        changed = load_file(path)
    weights = {**start.state_dict(), **{name: weight.float() for name, weight in changed.items()}}
    model.load_state_dict(weights)
    return save_bundle(model, CPDProcessor.for_config(config, processor.tokenizer), folder)


def _changed_weights(model: "CPDModel") -> "dict[str, Tensor]":
    start, _ = build_start()
    before = start.state_dict()
    return {
        name: weight.contiguous()
        for name, weight in model.state_dict().items()
        if name not in before or not before[name].equal(weight)
    }


def _shipped() -> Any:
    return files("cpd_model.built_in") / "data" / _FOLDER


def main() -> None:
    """Ship the run that is named on the command line."""
    size = ship(Path(sys.argv[1]), Path(__file__).parent / "data" / _FOLDER)
    sys.stdout.write(f"shipped {size:,} bytes\n")


if __name__ == "__main__":
    main()
