"""What identifies an embedding space: a hash over all that changes an embedding, and nothing else.

Four parts are hashed apart, so that what changed can be named:

    weights     every tensor of model.safetensors: name, dtype, shape, bytes
    config      towers and shared space, from config.json
    processor   frame size, sampling, mean, std, text length, from processor_config.json
    tokenizer   the tokenizer's files

JSON is hashed by its content, tensors by their bytes: names, paths and formatting do not count.
Nothing here imports torch.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
PROCESSOR_FILE = "processor_config.json"
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
"""Names that Hugging Face tokenizers save under, read where there is no tokenizer.json."""

_CONFIG_KEYS = ("video_tower", "video_options", "text_options", "embed_dim")
_WITHOUT_EFFECT = frozenset(
    {
        "_name_or_path",
        "architectures",
        "dtype",
        "processor_class",
        "torch_dtype",
        "transformers_version",
        "use_cache",
    }
)
_LAST_CALL = ("padding", "truncation")
"""What tokenizer.json remembers of the tokenizer's last call; the processor sets it each time."""

_ARITHMETIC = 1
"""Raised when our code makes other embeddings of the same weights than before."""

_CHUNK_BYTES = 1 << 22


class FingerprintParts(NamedTuple):
    """The hashes, 64 hex digits each, from which a fingerprint is made."""

    weights: str
    config: str
    processor: str
    tokenizer: str

    def fingerprint(self) -> str:
        """64 hex digits over all parts."""
        return _sha256_of_json({"arithmetic": _ARITHMETIC, **self._asdict()})


class TensorFacts(NamedTuple):
    """A tensor in a safetensors file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    """First byte in the file."""
    stop: int
    """One past the last byte in the file."""


def fingerprint_parts(folder: Path) -> FingerprintParts:
    """All parts of a bundle's fingerprint; reads every byte of its weights.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    config = read_bundle_json(folder / CONFIG_FILE)
    missing = [key for key in _CONFIG_KEYS if key not in config]
    if missing:
        raise ValueError(f"{CONFIG_FILE} has no {missing[0]}: it is no configuration of a CPDModel")
    return FingerprintParts(
        weights=hash_weights(folder / WEIGHTS_FILE),
        config=_sha256_of_json(_effective({key: config[key] for key in _CONFIG_KEYS})),
        processor=_sha256_of_json(_effective(read_bundle_json(folder / PROCESSOR_FILE))),
        tokenizer=hash_tokenizer(folder),
    )


def checksums_beside(folder: Path) -> dict[str, str]:
    """Checksums of what changes an answer and no fingerprint, by file; 64 hex digits each.

    All of config.json, such as the temperature before a softmax over labels, and all that a
    tokenizer may read. They tell whether one folder is as it was made, and compare no two folders:
    what transformers writes beside tokenizer.json differs between its versions.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    settings = [CONFIG_FILE, *(name for name in TOKENIZER_FILES if (folder / name).exists())]
    return {name: _sha256_of_file(folder / name) for name in settings}


def hash_weights(path: Path) -> str:
    """64 hex digits over the tensors of a safetensors file, in order of their names.

    Counters of batch norms are left out: they change no embedding.

    Raises:
        OSError: the file is missing.
        ValueError: it is no safetensors file, or it ends early.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for tensor in tensors_of(path):
            if tensor.name.endswith("num_batches_tracked"):
                continue
            digest.update(f"{tensor.name} {tensor.dtype} {list(tensor.shape)}\n".encode())
            file.seek(tensor.start)
            left = tensor.stop - tensor.start
            while left:
                chunk = file.read(min(left, _CHUNK_BYTES))
                if not chunk:
                    raise ValueError(f"{path.name} ends early, inside {tensor.name}")
                digest.update(chunk)
                left -= len(chunk)
    return digest.hexdigest()


def tensors_of(path: Path) -> list[TensorFacts]:
    """The tensors that a safetensors file says it holds, by name; reads its header alone.

    Raises:
        OSError: the file is missing.
        ValueError: the header is damaged.

    Source: the format's description in huggingface/safetensors (8 bytes of length, JSON, data).
    """
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= path.stat().st_size - 8:
            raise ValueError(f"{path.name} is no safetensors file: its header is damaged")
        header = _parse_json(file.read(length), path)
    return sorted(_read_header(header, data_start=8 + length))


def read_bundle_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a bundle, which must be there.

    Raises:
        OSError: the file is missing.
        ValueError: it holds no JSON object.
    """
    return _parse_json(path.read_bytes(), path)


def _parse_json(content: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    if not isinstance(parsed, dict):
        raise ValueError(f"{path.name} is damaged: it holds no JSON object")
    return parsed


def _read_header(header: dict[str, Any], *, data_start: int) -> Iterator[TensorFacts]:
    for name, facts in header.items():
        if name != "__metadata__":
            start, stop = facts["data_offsets"]
            shape = tuple(facts["shape"])
            yield TensorFacts(name, facts["dtype"], shape, data_start + start, data_start + stop)


def hash_tokenizer(folder: Path) -> str:
    """One hash over what makes token ids.

    tokenizer.json alone says it, but for the sides; what else transformers writes beside it differs
    between its versions. Only a tokenizer without that file is hashed file by file.

    Raises:
        OSError: the folder holds no tokenizer.
        ValueError: a file is damaged.
    """
    if (folder / "tokenizer.json").exists():
        settings = read_bundle_json(folder / "tokenizer_config.json")
        sides = {side: settings.get(side, "right") for side in ("padding_side", "truncation_side")}
        content = read_bundle_json(folder / "tokenizer.json")
        for state in _LAST_CALL:
            content.pop(state, None)
        return _sha256_of_json({"tokenizer": content, **sides})
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in TOKENIZER_FILES
        if (folder / name).exists()
    }
    if not hashes:
        raise FileNotFoundError(f"no tokenizer file in {folder.name}")
    return _sha256_of_json(hashes)


def _effective(value: Any) -> Any:
    """The same JSON without the keys, at any depth, that change no embedding."""
    if isinstance(value, dict):
        return {
            key: _effective(inner)
            for key, inner in value.items()
            if key not in _WITHOUT_EFFECT and "dropout" not in key
        }
    if isinstance(value, list):
        return [_effective(inner) for inner in value]
    return value


def _sha256_of_file(path: Path) -> str:
    """JSON by its content, without what has no effect; any other file by its bytes."""
    if path.suffix == ".json":
        return _sha256_of_json(_effective(read_bundle_json(path)))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sha256_of_json(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
