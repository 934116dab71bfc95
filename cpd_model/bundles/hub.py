"""Models by hub name: from the local cache of huggingface_hub, or else fetched into it once.

The only code of cpd that goes onto a network. What is cached whole is used without asking the hub,
so that the same name keeps its fingerprint until somebody removes it from the cache.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cpd_model.bundles.record import BUNDLE_FILE, is_bundle
from cpd_model.encoders.transformers_folder import ALL_TOKENIZER_FILES, family_of, weight_files
from cpd_model.errors import BundleError, CPDError, ModelNotFoundError

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ANSWER_SECONDS = 10.0
_SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    BUNDLE_FILE,
    *ALL_TOKENIZER_FILES,
)
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")
"""Files of which a tokenizer has one."""

_WITHOUT_NETWORK = "give the folder of a model, or use cpd-base, which needs no network"


class CachedModel(NamedTuple):
    """A model that was fetched before."""

    name: str
    folder: Path
    size_bytes: int


def is_hub_name(name: str) -> bool:
    """Whether `name` looks like `org/name`."""
    return _HUB_NAME.fullmatch(name) is not None


def find_cached(name: str) -> Path | None:
    """The folder of a model that is in the cache whole, or None; asks no network.

    Raises:
        BundleError: another kind of model is there.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # Only config.json is asked for, as the cache never holds all files of a repository.
        folder = Path(snapshot_download(name, allow_patterns="config.json", local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    if not is_bundle(folder):
        family_of(folder, name=name)
    return folder if _is_whole(folder) else None


def fetch(name: str, *, on_message: Callable[[str], None] | None = None) -> Path:
    """The folder of a model of the hub; downloads what the cache lacks.

    Args:
        name: `org/name`.
        on_message: told in one line that a download starts, and how large it is.

    Raises:
        ModelNotFoundError: the hub cannot be reached, or has no such model for you.
        BundleError: the hub has another kind of model under this name.
    """
    cached = find_cached(name)
    if cached:
        return cached
    try:
        return _download(name, on_message=on_message)
    except CPDError:
        raise
    except Exception as error:
        # huggingface_hub lets the errors of its network library through, and that library was
        # another one in each of its major versions.
        raise ModelNotFoundError(f"{_why_not(name, error)}, or {_WITHOUT_NETWORK}") from error


def find_cached_tokenizer(name: str) -> Path | None:
    """The folder of a tokenizer that is in the cache, or None; asks no network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(name, allow_patterns=list(_VOCABULARIES), local_files_only=True)
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if any((folder / file).is_file() for file in _VOCABULARIES) else None


def fetch_tokenizer(name: str, *, on_message: Callable[[str], None] | None = None) -> Path:
    """The folder of a tokenizer of the hub, without its model; downloads what the cache lacks.

    Args:
        name: `org/name`, or the bare name that the oldest repositories have.
        on_message: told in one line that a download starts.

    Raises:
        ModelNotFoundError: the hub cannot be reached, or has no such tokenizer for you.
    """
    from huggingface_hub import HfApi, snapshot_download

    cached = find_cached_tokenizer(name)
    if cached:
        return cached
    try:
        HfApi().model_info(name, timeout=_ANSWER_SECONDS)  # fails at once, see _download
        if on_message:
            on_message(f"fetching the tokenizer {name} from the hub, once")
        return Path(snapshot_download(name, allow_patterns=["config.json", *ALL_TOKENIZER_FILES]))
    except Exception as error:  # as in fetch
        raise ModelNotFoundError(
            f"{_why_not(name, error)}, or give the folder of a tokenizer"
        ) from error


def _download(name: str, *, on_message: Callable[[str], None] | None) -> Path:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    # One request without retries comes first: where the network is closed it fails at once.
    facts = HfApi().model_info(name, timeout=_ANSWER_SECONDS, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in facts.siblings or []}
    if BUNDLE_FILE not in sizes and "config.json" in sizes:
        config = hf_hub_download(name, "config.json", etag_timeout=_ANSWER_SECONDS)
        family_of(Path(config).parent, name=name)  # before its gigabytes
    wanted = _wanted(sizes, name=name)
    if on_message:
        megabytes = sum(sizes[file] for file in wanted) / 1e6
        on_message(f"fetching {name} from the hub, once ({megabytes:.0f} MB)")
    return Path(snapshot_download(name, allow_patterns=wanted))


def _why_not(name: str, error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    if isinstance(error, OfflineModeIsEnabled):
        return (
            f"{name} is not cached here and the hub cannot be reached (offline mode is on): "
            "unset HF_HUB_OFFLINE"
        )
    if isinstance(error, GatedRepoError):
        return (
            f"the hub gives {name} only to those who accepted its terms: accept them on its page "
            "and log in with `hf auth login`"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no model {name} that you may see: check the name, log in with "
            "`hf auth login` if it is private"
        )
    if isinstance(error, HfHubHTTPError):
        return f"the hub answered with HTTP {error.response.status_code} for {name}: try later"
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return f"{name} is not cached here and the hub cannot be reached ({reason}): connect"


def cached_models() -> list[CachedModel]:
    """The models in the cache that cpd can open, by name; asks no network."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for repository in repositories:
        if repository.repo_type == "model" and is_hub_name(repository.repo_id):
            try:
                folder = find_cached(repository.repo_id)
            except BundleError:
                continue
            if folder:
                found.append(CachedModel(repository.repo_id, folder, repository.size_on_disk))
    return sorted(found)


def _is_whole(folder: Path) -> bool:
    try:
        weight_files(folder)
    except BundleError:
        return False
    settings = ("preprocessor_config.json", "processor_config.json")
    return all(
        any((folder / name).is_file() for name in names)
        for names in (settings, ALL_TOKENIZER_FILES)
    )


def _wanted(sizes: dict[str, int], *, name: str) -> list[str]:
    """The files that make the model usable, of all that the repository has."""
    for stem in ("model.safetensors", "pytorch_model.bin"):
        part = re.compile(re.escape(stem).replace(r"\.", r"-\d+-of-\d+\.", 1))
        weights = [stem] if stem in sizes else [file for file in sizes if part.fullmatch(file)]
        if weights:
            wanted = [*_SETTINGS, f"{stem}.index.json", *weights]
            return [file for file in wanted if file in sizes]
    raise BundleError(f"{name} has no weights for PyTorch on the hub: expected model.safetensors")
