"""Texts to unit vectors without PyTorch: a tokenizer of `tokenizers` and a text tower in NumPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from cpd_model.encoder import Vectors
from cpd_model.fingerprint import read_bundle_json
from cpd_model.towers.numpy_text import NumpyTextTower

_SPECIAL = ("bos", "cls", "eos", "mask", "pad", "sep", "unk")
_TOKEN_SETTINGS = frozenset(f"{kind}_token" for kind in _SPECIAL)

_WITHOUT_EFFECT = frozenset(
    {
        *("backend", "tokenizer_class", "processor_class", "model_input_names", "name_or_path"),
        *("is_local", "local_files_only", "clean_up_tokenization_spaces"),
        # said anew by every call, or of padding, which a text alone does not have
        *("max_length", "model_max_length", "stride", "truncation_strategy"),
        *("pad_to_multiple_of", "pad_token_type_id"),
        # of the slow tokenizer that it was made from; tokenizer.json has them in its own way
        *("do_basic_tokenize", "do_lower_case", "never_split", "strip_accents"),
        "tokenize_chinese_chars",
    }
)
"""Settings in tokenizer_config.json that change no token id of a text alone."""

_EXTRA_TOKENS = ("added_tokens.json", "special_tokens_map.json")
"""Files that add tokens to those of tokenizer.json; current transformers writes neither."""


class NumpyTextEncoder:
    """A TextEncoder for a few texts at a time, on the CPU; any threads may call it."""

    def __init__(
        self, tower: NumpyTextTower, tokenizer: Tokenizer, *, name: str, fingerprint: str
    ) -> None:
        """`tokenizer` cuts texts where the tower's bundle says, and pads none."""
        self.name = name
        self.fingerprint = fingerprint
        self._tower = tower
        self._tokenizer = tokenizer

    def __repr__(self) -> str:
        return f"NumpyTextEncoder({self.name!r}, fingerprint {self.fingerprint[:12]})"

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (B, D), float32, of texts; too long a text is cut.

        Raises:
            ValueError: there is no text, or one of them is empty.
        """
        if not len(texts) or not all(text.strip() for text in texts):
            raise ValueError("texts must be one or more non-empty strings")
        embeddings_BD = np.stack(
            [self._tower.embed(self._tokenizer.encode(text).ids) for text in texts]
        )
        lengths_B1 = np.linalg.norm(embeddings_BD, axis=1, keepdims=True)
        unit_BD: Vectors = embeddings_BD / np.maximum(lengths_B1, 1e-12)  # as F.normalize has it
        return unit_BD


def read_tokenizer(folder: Path, *, max_tokens: int) -> Tokenizer:
    """The tokenizer in a bundle, as CPDProcessor uses it for one text.

    tokenizer.json says nearly all. What transformers reads beside it must be known here.

    Raises:
        ValueError: the folder holds a tokenizer whose ids might be others here, or none that can
            be read.
        OSError: a file is missing.
    """
    settings = read_bundle_json(folder / "tokenizer_config.json")
    if any((folder / name).exists() for name in _EXTRA_TOKENS):
        raise ValueError("a tokenizer with files of added tokens is not known here")
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise ValueError(f"tokenizer.json cannot be read: {error}") from error
    _check_settings(settings, tokenizer)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    if not tokenizer.encode("").ids:
        raise ValueError("a tokenizer that can give no token at all is not known here")
    return tokenizer


def _check_settings(settings: dict[str, Any], tokenizer: Tokenizer) -> None:
    """Raise ValueError where transformers would change what tokenizer.json says."""
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    for name, value in settings.items():
        if name in _TOKEN_SETTINGS:
            known = value is None or (isinstance(value, str) and value in added)
        elif name in ("padding_side", "truncation_side"):
            known = value == "right"
        else:
            known = name in _WITHOUT_EFFECT
        if not known:
            raise ValueError(f"a tokenizer with {name} = {value!r} is not known here")
