"""The floor plan: what the documents name is there, and tests stand where their modules stand."""

import re
import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cpd", "service", "training", "index", "cpd_model")
PLAN = "docs/architecture.md"
GUIDE = "CONTRIBUTING.md"
FLOOR = re.compile(r"  ((?:\w+(?:/|\.py)\s+)+)")
"""A line of the picture: its names, before the sentence."""
PAGES = (
    "README.md",
    GUIDE,
    "benchmarks/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
)
PATH = re.compile(
    r"(?<![\w./~-])(?:cpd_model|cpd|index|training|service|tests|benchmarks|scripts|docs|\.ci)/[\w./*-]*"
)
DOTTED = re.compile(r"(?<![\w./-])(?:cpd_model|cpd|index|training|service)(?:\.(?!py\b)\w+)+")
BARE_FILE = re.compile(r"`([\w]+\.py|Makefile|Dockerfile|[\w]+\.(?:md|txt|toml|yaml))`")


def paths_in(page: str) -> list[str]:
    """What looks like a file or folder of ours, without the full stop of the sentence."""
    found = PATH.findall((ROOT / page).read_text())
    return sorted({path.rstrip("./") for path in found})


def dotted_names_in(page: str) -> set[str]:
    """What looks like a module of ours, or a name in one."""
    return set(DOTTED.findall((ROOT / page).read_text()))


def floors(package: str) -> list[set[str]]:
    """What the import contract allows, from the top down; each floor's names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == [package])
    return [{name.strip(" ()") for name in layer.split("|")} for layer in layers]


def drawn_floors(package: str) -> list[set[str]]:
    """What the picture in the plan draws below a package, from the top down."""
    pictures = re.findall(r"^```\n(.*?)^```", (ROOT / PLAN).read_text(), re.MULTILINE | re.DOTALL)
    lines = next(text for text in pictures if "cpd_model/ " in text).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"{package}/ "))
    below = takewhile(lambda line: line.startswith("  "), lines[start + 1 :])
    names = (found[1] for line in below if (found := FLOOR.match(line)))
    return [{name.rstrip("/").removesuffix(".py") for name in line.split()} for line in names]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_is_there(page: str) -> None:
    """A page that leads nowhere costs more than no page; `*` stands for some file at least."""
    assert [path for path in paths_in(page) if not list(ROOT.glob(path))] == []


@pytest.fixture(scope="module")
def missing_names() -> set[str]:
    """Of all dotted names on all pages, those that cannot be imported.

    One Python of their own tries them: importing all of it here would slow what runs after.
    """
    program = """if True:
        import pkgutil, sys
        for name in sys.argv[1:]:
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                print(name)
    """
    names = sorted({name for page in PAGES for name in dotted_names_in(page)})
    assert len(names) >= 5, "the pages name nothing any more"
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("page", [page for page in PAGES if "/decisions/" not in page])
def test_every_module_that_a_page_names_with_dots_can_be_imported(
    page: str, missing_names: set[str]
) -> None:
    """A decision also names what was not chosen."""
    assert dotted_names_in(page) & missing_names == set()


@pytest.mark.parametrize("page", [GUIDE, PLAN])
def test_every_file_that_stands_alone_is_there_too(page: str) -> None:
    """Names without a folder, where the sentence before tells the folder."""
    folders = ("docs", "scripts", "tests", "benchmarks", *PACKAGES)
    names = {path.name for path in ROOT.iterdir()}
    names |= {path.name for folder in folders for path in (ROOT / folder).rglob("*")}

    assert set(BARE_FILE.findall((ROOT / page).read_text())) <= names


def test_the_guide_names_places() -> None:
    """A change of its form must not make these tests read nothing."""
    assert len(paths_in(GUIDE)) >= 20
    assert len((ROOT / GUIDE).read_text().splitlines()) <= 60


@pytest.mark.parametrize("package", ["cpd", "training", "index", "cpd_model"])
def test_the_plan_draws_the_floors_that_the_contracts_hold(package: str) -> None:
    """The contracts name every room and module, so the picture does too."""
    assert drawn_floors(package) == floors(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_stand_in_the_room_of_what_they_test(package: str) -> None:
    """Who changes a module finds its tests by its path."""
    places = [path for path in (ROOT / "tests" / package).rglob("*") if path.is_dir()]
    named = {str(path.relative_to(ROOT / "tests")) for path in places if path.name != "__pycache__"}

    assert [name for name in sorted(named) if not (ROOT / name).is_dir()] == []
