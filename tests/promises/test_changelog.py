"""The version is the same wherever it is told."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_changelog_tells_this_version() -> None:
    """A release without its entry cannot pass."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert next(heading for heading in headings if heading != "Unreleased") == version


def test_what_is_installed_has_this_version() -> None:
    """After a version bump, `make setup` must have run again."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert importlib.metadata.version("cpd") == version
