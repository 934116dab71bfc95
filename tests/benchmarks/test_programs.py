"""Every benchmark can be started, and its README lists it."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
PROGRAMS = sorted(FOLDER.glob("*.py"))

START_EACH = """
import runpy, sys
for program in sys.argv[1:]:
    assert callable(runpy.run_path(program, run_name="not_main")["main"]), program
"""


@pytest.mark.slow
def test_every_benchmark_can_be_started() -> None:
    """No test runs them, so a module that moved would be noticed months later.

    All in one Python, which therefore loads PyTorch once; each finds `rig` beside itself.
    """
    done = subprocess.run(
        [sys.executable, "-c", START_EACH, *map(str, PROGRAMS)],
        env={"PYTHONPATH": f"{FOLDER}:{FOLDER.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_table_lists_every_benchmark() -> None:
    """And no other: `python benchmarks/NAME` is what a reader types next."""
    listed = re.findall(r"^\| `(\w+\.py)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)

    assert listed == [program.name for program in PROGRAMS]


def test_figures_go_to_the_results_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    results = importlib.import_module("rig.results")

    assert results.RESULTS == FOLDER / "RESULTS.md"
