"""docs/failures.md tells every failure, with its code and status, and no other."""

import re
from pathlib import Path

from cpd.command_line import UNEXPECTED, USAGE
from cpd_model.errors import CPDError
from index.ingest.outcomes import CHANGED_CODE, GONE_CODE, UNREADABLE_CODE
from index.library.sidecars import SIDECAR_CODE
from service.http.problems import status_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "failures.md"


def family(root: type[CPDError] = CPDError) -> list[type[CPDError]]:
    """A class and all below it that the program has; tests may have made others."""
    below = [found for child in root.__subclasses__() for found in family(child)]
    return [root, *(error for error in below if not error.__module__.startswith("tests"))]


def test_each_class_has_a_code_of_its_own_that_says_what_the_name_says() -> None:
    for error in family():
        words = error.__name__.removesuffix("Error")
        assert vars(error)["code"].replace("-", "") == words.lower()


def test_the_page_tells_each_class_with_code_and_status() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| `(\w+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(
        (error.code, error.__name__, str(status_of(error.__new__(error)))) for error in family()
    )


def test_the_page_tells_the_codes_without_a_class() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| [^`]", PAGE.read_text(), re.MULTILINE)

    codes = [USAGE, UNEXPECTED, CHANGED_CODE, GONE_CODE, UNREADABLE_CODE, SIDECAR_CODE]
    assert rows == codes
