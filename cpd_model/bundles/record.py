"""bundle.json: what a bundle was when it was made, and whether it still is.

    fingerprint, parts    of the embedding space, see cpd_model.fingerprint
    beside                what changes an answer and no embedding: the similarity temperature, the
                          rest of the tokenizer's settings

Two checksums, because the fingerprint is a library's: it must stay where labels only get another
temperature, and a changed temperature must still not go unseen.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from cpd_model.errors import BundleError, ModelNotFoundError
from cpd_model.fingerprint import (
    CONFIG_FILE,
    FingerprintParts,
    checksums_beside,
    fingerprint_parts,
    read_bundle_json,
)

BUNDLE_FILE = "bundle.json"
BUNDLE_FORMAT = 2
"""Of bundle.json itself; a reader refuses any other."""

REMEDY = "make or copy the bundle again"


class BundleRecord(NamedTuple):
    """What bundle.json says."""

    fingerprint: str
    parts: FingerprintParts
    beside: dict[str, str]
    """64 hex digits by file, see `checksums_beside`."""


def is_bundle(folder: Path) -> bool:
    """Whether the folder claims to be a bundle."""
    return (folder / BUNDLE_FILE).is_file()


def write_record(folder: Path) -> None:
    """Write bundle.json for the files that stand in the folder.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    parts = fingerprint_parts(folder)
    record = {
        "format": BUNDLE_FORMAT,
        "fingerprint": parts.fingerprint(),
        "parts": parts._asdict(),
        "beside": checksums_beside(folder),
    }
    with (folder / BUNDLE_FILE).open("w", encoding="utf-8") as file:
        file.write(json.dumps(record, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_record(folder: Path) -> BundleRecord:
    """What bundle.json says.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: bundle.json is damaged, or of another format.
    """
    if not folder.is_dir():
        raise ModelNotFoundError(f"there is no model folder {folder}")
    if not is_bundle(folder):
        raise ModelNotFoundError(
            f"the folder {folder} holds no {BUNDLE_FILE}: it is no model bundle"
        )
    try:
        record = read_bundle_json(folder / BUNDLE_FILE)
        _check_format(folder, int(record["format"]))
        return BundleRecord(
            fingerprint=str(record["fingerprint"]),
            parts=FingerprintParts(**record["parts"]),
            beside=dict(record["beside"]),
        )
    except KeyError as error:
        raise BundleError(
            f"{BUNDLE_FILE} of {folder} is damaged: it has no {error}; {REMEDY}"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"{BUNDLE_FILE} of {folder} is damaged: {error}; {REMEDY}") from error


def changes_since(record: BundleRecord, folder: Path) -> list[str]:
    """What of the bundle is no longer as recorded; reads every byte of its weights.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged.
    """
    parts, beside = fingerprint_parts(folder), checksums_beside(folder)
    changed = [
        part
        for part in FingerprintParts._fields
        if getattr(parts, part) != getattr(record.parts, part)
    ]
    names = sorted(beside.keys() | record.beside.keys())
    files = [name for name in names if beside.get(name) != record.beside.get(name)]
    # a part that changed stands in such a file: saying it once is enough
    return changed + [
        f"content of {name}"
        for name in files
        if ("config" if name == CONFIG_FILE else "tokenizer") not in changed
    ]


def check_unchanged(folder: Path) -> None:
    """Refuse a bundle that is not what its bundle.json says; reads every byte of its weights.

    Raises:
        ModelNotFoundError: there is no such folder, or no bundle in it.
        BundleError: something changed, is missing or damaged.
    """
    record = read_record(folder)
    try:
        changed = changes_since(record, folder)
    except (OSError, ValueError) as error:
        raise BundleError(f"the bundle {folder} is damaged: {error}; {REMEDY}") from error
    if changed:
        raise BundleError(
            f"the {changed[0]} of the bundle {folder} changed after it was made, so its answers "
            f"are no longer those of the model that was saved; {REMEDY}"
        )


def _check_format(folder: Path, found: int) -> None:
    if found > BUNDLE_FORMAT:
        raise BundleError(
            f"the bundle {folder} is of format {found} and this version of cpd knows formats up to "
            f"{BUNDLE_FORMAT}; upgrade cpd"
        )
    if found < BUNDLE_FORMAT:
        raise BundleError(
            f"the bundle {folder} is of format {found}, which kept no checksum of its similarity "
            "temperature; make it again in another folder: cpd train, cpd model convert or "
            "cpd model make-start"
        )
