"""`cpd serve` as a person starts and ends it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

import cpd
from cpd_model.testing import tiny_bundle
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.opening import open_for_adding
from tests.service.videos import write_colors

START_SECONDS = 90
"""Importing torch on a busy machine takes its time."""


class Served(NamedTuple):
    """A running `cpd serve`."""

    url: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def tiny_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video, indexed by a tiny random model in a folder."""
    folder = tmp_path_factory.mktemp("served")
    model = tiny_bundle(folder / "model")
    video = write_colors(folder / "clip.mp4", ["red", "blue"], seconds_each=3)
    library, encoder = open_for_adding(folder / "library", model=str(model), device="cpu")
    with library, DecodePool(num_workers=1) as pool:
        report = add_videos([video], library, encoder, pool)
    assert report.added == 1, report
    return folder / "library"


@contextmanager
def serving(*options: str, log: Path) -> Iterator[Served]:
    """Start the command, wait for its address, and see that it is gone at the end."""
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", "import cpd; cpd.main()", "serve", *options],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # its decoders get the signals of a terminal with it
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.match(r"(http://127\.0\.0\.1:\d+) serves ", line)
        assert found, (line, log.read_text())
        yield Served(found[1], process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdout.close()


def wait_until_ready(url: str) -> dict[str, object]:
    """What /health/ready says once it is; every answer before that is a 503."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        response = httpx.get(f"{url}/health/ready", timeout=30)
        if response.status_code == 200:
            return dict(response.json())
        assert response.status_code == 503, response.text
        time.sleep(0.1)
    raise AssertionError(f"not ready after {START_SECONDS} s")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_served_library_can_be_searched_until_it_is_ended(
    tiny_library: Path, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "log"

    with serving("--library", str(tiny_library), "--port", "0", log=log) as (url, process):
        alive = httpx.get(f"{url}/health/live", timeout=30)
        ready = wait_until_ready(url)
        found = httpx.post(f"{url}/v1/search", json={"query": "red"}, timeout=30).json()
        hit = found["hits"][0]
        part = httpx.get(url + hit["media_url"], headers={"Range": "bytes=4-7"}, timeout=30)
        picture = httpx.get(url + hit["thumbnail_url"], timeout=60)
        page = httpx.get(url, timeout=30)
        os.killpg(process.pid, number)
        code = process.wait(30)

    assert alive.status_code == 200
    assert ready["num_videos"] == 1
    assert Path(hit["path"]).name == "clip.mp4"
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert (picture.status_code, picture.content[:2]) == (200, b"\xff\xd8")
    assert "<title>cpd</title>" in page.text
    assert code == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_a_model_that_did_not_make_the_library_is_one_sentence(
    tiny_library: Path, tmp_path: Path
) -> None:
    other = tiny_bundle(tmp_path / "other", seed=1)
    log = tmp_path / "log"
    options = ("--library", str(tiny_library), "--model", str(other), "--port", "0")

    with serving(*options, log=log) as (_, process):
        code = process.wait(START_SECONDS)

    last = log.read_text().splitlines()[-1]
    assert code == 2
    assert last.startswith("error: ")
    assert "was built by" in last


def fails_with(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence on stderr of a command that exits with 2."""
    with pytest.raises(SystemExit) as ended:
        cpd.main(words)
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.out == ""
    assert output.err.count("\n") == 1
    return output.err


def test_a_missing_library_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = fails_with(["serve", "--library", str(tmp_path / "none")], capsys)

    assert "no library" in sentence


def test_a_library_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = fails_with(["serve"], capsys)

    assert "--library" in sentence


def test_a_busy_port_is_one_sentence(
    color_library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = fails_with(
            ["serve", "--library", str(color_library), "--port", str(port)], capsys
        )

    assert f"port {port}" in sentence
    assert "--port" in sentence


@pytest.mark.parametrize(
    ("options", "source"),
    [(["--port", "70000"], "--port"), (["--device", "abacus"], "abacus")],
)
def test_an_option_that_does_not_fit_is_one_sentence(
    color_library: Path, capsys: pytest.CaptureFixture[str], options: list[str], source: str
) -> None:
    sentence = fails_with(["serve", "--library", str(color_library), *options], capsys)

    assert source in sentence


def test_a_setting_that_does_not_fit_names_its_variable(
    color_library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPD_LOG_FORMAT", "xml")

    sentence = fails_with(["serve", "--library", str(color_library)], capsys)

    assert "CPD_LOG_FORMAT" in sentence
