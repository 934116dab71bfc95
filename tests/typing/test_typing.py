"""A program that uses cpd is type-checked as against an installed package: mypy --strict."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cpd

PROGRAM = Path(__file__).with_name("program.py")
CONFIG = """
[mypy]
strict = True

# Their types are theirs to test, and reading them takes minutes.
[mypy-torch.*,transformers.*,faiss.*,av.*,sqlalchemy.*,alembic.*,pydantic.*,pydantic_settings.*]
follow_imports = skip
[mypy-fastapi.*,starlette.*,uvicorn.*,anyio.*,typer.*,rich.*,PIL.*,structlog.*]
follow_imports = skip
"""

HEAD = """
import cpd, numpy
from numpy.typing import NDArray

def use(library: cpd.Library, vector: NDArray[numpy.float32]) -> None:
"""

MISTAKES = {
    "library.search(vector)": "No overload variant",
    "library.search('a dog', limit='3')": "No overload variant",
    "library.label('a.mp4', 3)": "incompatible type",
    "library.add(3)": "incompatible type",
    "cpd.open(3)": "incompatible type",
    "cpd.nothing": 'has no attribute "nothing"',
}
"""A line that is wrong, and what mypy says of it."""


def test_the_program_uses_every_public_name() -> None:
    faces = {"cpd": cpd, "cpd.evaluate": cpd.evaluate, "cpd.train": cpd.train}
    public = {f"{face}.{name}" for face, module in faces.items() for name in module.__all__}
    used = {ast.unparse(node) for node in ast.walk(ast.parse(PROGRAM.read_text()))}

    assert public - used == set()


@pytest.mark.slow
def test_a_right_program_passes_and_each_wrong_line_is_found(tmp_path: Path) -> None:
    """In one run of mypy: it takes its time to read what stands behind."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(HEAD + "".join(f"    {line}\n" for line in MISTAKES))
    right = tmp_path / "right.py"
    right.write_text(PROGRAM.read_text())

    said = run_mypy(tmp_path, right, wrong)

    assert [line for line in said if not line.startswith("wrong.py")] == []
    first = len(HEAD.splitlines()) + 1
    for number, (line, expected) in enumerate(MISTAKES.items(), first):
        assert any(s.startswith(f"wrong.py:{number}:") and expected in s for s in said), line


def run_mypy(folder: Path, *files: Path) -> list[str]:
    """The errors that mypy finds, from a folder without this project beside it."""
    (folder / "mypy.ini").write_text(CONFIG)
    words = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary"]
    done = subprocess.run(
        [*words, "--cache-dir", str(folder / "cache"), *(file.name for file in files)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if ": error: " in line]
