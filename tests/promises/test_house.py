"""Rules of the house that a tool does not know: file names, sizes, no leftovers."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
MAX_FUNCTION_LINES = 40
VAGUE_NAMES = {"utils", "helpers", "helper", "common", "base", "manager", "handler", "misc"}


def python_files() -> list[Path]:
    """The project's own Python files, without environments and build folders."""
    tops = ("cpd", "cpd_model", "index", "training", "service", "tests", "benchmarks", "scripts")
    found = [path for top in tops for path in python_files_in(ROOT / top)]
    assert len(found) > 20, "the walk lost its way"
    return found


def python_files_in(place: Path) -> Iterator[Path]:
    yield from [place] if place.is_file() else sorted(place.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_a_file_is_named_after_what_it_knows(path: Path) -> None:
    """`utils` says nothing, so anything lands in it."""
    assert path.stem not in VAGUE_NAMES


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_a_module_can_be_read_in_one_go(path: Path) -> None:
    """What grows past this knows more than one thing; a test file then proves more than one."""
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("package", ["cpd", "cpd_model", "index", "training", "service"])
def test_a_function_is_seen_at_once(package: str) -> None:
    """Its lines without signature and docstring; options of a command are its signature."""
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}, {length} lines"
        for path in python_files_in(ROOT / package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := lines_of(node)) > MAX_FUNCTION_LINES
    ]

    assert long == []


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_docstring = ast.get_docstring(function) is not None and len(function.body) > 1
    first = function.body[1 if has_docstring else 0]
    return (function.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    """What is missing stands in an issue, not in the code; and code is ASCII."""
    text = path.read_text()
    leftover = re.compile(r"#\s*(TODO|FIXME|XXX)\b|raise\s+NotImplementedError")

    assert leftover.search(text) is None
    assert text.isascii()


def test_the_layers_hold() -> None:
    """service | training -> index -> cpd_model; FFmpeg, FAISS and HTTP each in one place."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_every_decision_is_listed() -> None:
    """A page that the index does not name is never read."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()

    assert [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index] == []
