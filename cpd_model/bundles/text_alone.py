"""A bundle opened for texts alone, without PyTorch, where its text tower allows.

`cpd search` asks one question and ends. Opening a whole bundle for it takes seconds, nearly all of
them imports.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from cpd_model.bundles.bundle import check_agreement
from cpd_model.bundles.record import check_unchanged, read_record
from cpd_model.encoders.numpy_text_encoder import NumpyTextEncoder, read_tokenizer
from cpd_model.fingerprint import (
    CONFIG_FILE,
    PROCESSOR_FILE,
    WEIGHTS_FILE,
    read_bundle_json,
    tensors_of,
)
from cpd_model.towers.numpy_text import Floats, NumpyTextTower

_TOWER = "text_tower."
_COUNTER = "num_batches_tracked"
"""Of a batch norm; it changes nothing."""

_NUMBERS: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
"""How weights may be stored; NumPy knows no bfloat16."""


def open_text_encoder(folder: Path, *, name: str) -> NumpyTextEncoder | None:
    """What encodes texts as the bundle in `folder` does; None where only PyTorch can.

    The fingerprint is the bundle's, and the bundle is checked to the last byte, as `open_bundle`
    does. A bundle that cannot be read is None too: opening it says what is wrong.

    Args:
        name: what the encoder calls itself.

    Raises:
        BundleError: the bundle was changed after it was made.
    """
    record = read_record(folder)
    try:
        config = read_bundle_json(folder / CONFIG_FILE)
        check_agreement(config, read_bundle_json(folder / PROCESSOR_FILE))
        encoder = _encoder_of(folder, config, name=name, fingerprint=record.fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    check_unchanged(folder)  # last, for it takes longest
    return encoder


def _encoder_of(
    folder: Path, config: dict[str, Any], *, name: str, fingerprint: str
) -> NumpyTextEncoder:
    options = config["text_options"]
    tower = NumpyTextTower(
        options, _text_weights(folder / WEIGHTS_FILE), embed_dim=config["embed_dim"]
    )
    tokenizer = read_tokenizer(folder, max_tokens=options["max_tokens"])
    if tokenizer.get_vocab_size() > tower.num_words:
        raise ValueError("the tokenizer has more words than the text tower")
    return NumpyTextEncoder(tower, tokenizer, name=name, fingerprint=fingerprint)


def _text_weights(path: Path) -> dict[str, Floats]:
    """The text tower's weights as float32; mapped, so that only what is used is read."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    weights: dict[str, Floats] = {}
    for tensor in tensors_of(path):
        if tensor.name.startswith(_TOWER) and not tensor.name.endswith(_COUNTER):
            if tensor.dtype not in _NUMBERS:
                raise ValueError(f"weights stored as {tensor.dtype} are not known here")
            numbers: Floats = np.frombuffer(
                content,
                dtype=_NUMBERS[tensor.dtype],
                count=math.prod(tensor.shape),
                offset=tensor.start,
            ).astype(np.float32, copy=False)
            weights[tensor.name.removeprefix(_TOWER)] = numbers.reshape(tensor.shape)
    return weights
