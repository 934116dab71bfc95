"""docs/settings.md tells every setting of the service, with its default, and no other."""

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from service.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def documented() -> dict[str, str]:
    """Variable -> default, from the rows of the page's first table."""
    first_table = PAGE.read_text().split("Every command reads")[0]
    return dict(re.findall(r"^\| `(CPD_\w+)` \| (\S+) \|", first_table, re.MULTILINE))


def as_documented(field: FieldInfo) -> str:
    """A default as the page writes it: a dash where there is none to tell."""
    if field.is_required() or field.default in (None, ()):
        return "-"
    return f"`{field.default}`"


def test_the_page_names_the_settings_that_there_are() -> None:
    """A setting that nobody can find might as well not be there; one that is gone misleads."""
    assert set(documented()) == {f"CPD_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_page_tells_the_default(name: str) -> None:
    """What stands in the page is what happens."""
    default = documented()[f"CPD_{name.upper()}"]

    assert default == as_documented(Settings.model_fields[name])
