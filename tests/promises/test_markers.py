"""A test that this machine cannot run is skipped with a reason, or fails where it must not be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NEEDY = """
import pytest

@pytest.mark.{marker}
def test_that_needs_something():
    pass
"""


def run_pytest(folder: Path, *, marker: str, environment: dict[str, str]) -> str:
    """The report of a run of one marked test on a machine without CUDA and Chromium."""
    shutil.copyfile(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_needy.py").write_text(NEEDY.format(marker=marker))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", str(folder)]
    bare = {"PATH": str(folder), "CUDA_VISIBLE_DEVICES": "", "HOME": os.environ["HOME"]}
    done = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)],
        env=bare | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("marker", "variable"), [("gpu", "CPD_REQUIRE_GPU"), ("browser", "CPD_REQUIRE_BROWSER")]
)
def test_a_test_that_cannot_run_is_skipped_with_a_reason(
    tmp_path: Path, marker: str, variable: str
) -> None:
    """A laptop without either can still run the suite, and the report says what was left out."""
    report = run_pytest(tmp_path, marker=marker, environment={})

    assert "1 skipped" in report
    assert f"{variable}=1 turns this skip into a failure" in report


@pytest.mark.parametrize(
    ("marker", "variable"), [("gpu", "CPD_REQUIRE_GPU"), ("browser", "CPD_REQUIRE_BROWSER")]
)
def test_a_run_that_requires_it_fails_without_it(
    tmp_path: Path, marker: str, variable: str
) -> None:
    """A green run on the GPU machine means that the GPU was used."""
    report = run_pytest(tmp_path, marker=marker, environment={variable: "1"})

    assert "1 error" in report
    assert f"{variable}=1 asks for one" in report
