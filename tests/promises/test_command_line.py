"""The command `cpd` itself: exit statuses, one sentence for a failure, quiet ends."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import cpd
from cpd_model.errors import InputError
from cpd_model.exit_status import CANNOT_RUN, INTERRUPTED, NOT_ALL_WELL

ROOT = Path(__file__).resolve().parents[2]
CPD = [sys.executable, "-m", "cpd"]


def run(*words: str, commands: typer.Typer = cpd.app) -> int:
    """The exit status of `cpd` with these words."""
    with pytest.raises(SystemExit) as ended:
        cpd.main(words, commands=commands)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["search"], ["index", "add", "--no-such-option"], ["index", "status"]],
    ids=" ".join,
)
def test_a_slip_of_the_pen_is_one_sentence_that_names_the_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(*words)

    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1
    assert "--help" in said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["index", "status", "--library", "{none}"], "library-not-found"),
        (["search", " ", "--library", "{none}"], "input"),
        (["index", "status", "--no-such-option"], "usage"),
    ],
)
def test_a_program_reads_a_failure_as_json(
    words: list[str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(*(word.format(none=tmp_path / "none") for word in words), "--json")

    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert status == 2
    assert list(error) == ["code", "message"]
    assert error["code"] == code
    assert said.err == f"error: {error['message']}\n"


def test_a_library_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run("index", "status", "--library", str(tmp_path / "none"))

    said = capsys.readouterr()
    assert status == 2
    assert len(said.err.splitlines()) == 1
    assert "none" in said.err


def test_a_tilde_behind_an_option_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No shell expands it there: in `--option=~/folder` it does not begin a word."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "labels.txt").write_text("only one")
    video = tmp_path / "a.mp4"
    video.touch()

    status = run("label", str(video), "--labels-file=~/labels.txt")

    assert status == 2
    assert "at least two different ones" in capsys.readouterr().err


def test_debug_shows_where_it_failed(tmp_path: Path) -> None:
    """--debug counts wherever it stands among the words."""
    words = ["index", "status", "--library", str(tmp_path / "none"), "--debug"]

    done = subprocess.run([*CPD, *words], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_cpd_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    status = run()

    said = capsys.readouterr()
    assert status == 2
    assert "Usage: cpd" in said.out
    assert said.err == ""


def test_it_knows_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert run("--version") == 0

    assert capsys.readouterr().out.strip() == version


def test_a_reader_that_has_enough_is_not_told_about_it() -> None:
    """As in `cpd --help | head -1`."""
    process = subprocess.Popen(
        [*CPD, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    complaints = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) == 1
    assert complaints == ""


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (InputError("a plain reason"), 2),
        (RuntimeError("nobody thought of it"), 2),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (typer.Exit(1), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_end_of_a_command_has_its_status(
    failure: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that ends in any of these ways never shows a traceback."""
    commands = typer.Typer(pretty_exceptions_enable=False)

    @commands.command()
    def fail() -> None:
        raise failure

    assert run(commands=commands) == status

    assert "Traceback" not in capsys.readouterr().err


def test_what_a_status_means_is_said_in_one_place() -> None:
    """Scripts read these numbers; no command has its own."""
    number = re.compile(r"^EXIT\w* = |\b(?:exit|Exit|SystemExit)\(\d", re.MULTILINE)
    packages = ("cpd", "cpd_model", "index", "training", "service")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]

    assert [path.name for path in modules if number.search(path.read_text())] == []
    assert (NOT_ALL_WELL, CANNOT_RUN, INTERRUPTED) == (1, 2, 130)
