"""Which PyTorch `make setup` takes: the small one where no NVIDIA GPU would use the large one."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from scripts import torch_index

ROOT = Path(__file__).resolve().parents[2]


class TorchPage(BaseHTTPRequestHandler):
    """An index that knows torch and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/whl/cpu/torch/" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The report of the tests is no place for an access log."""


@pytest.fixture
def index_host() -> Iterator[str]:
    """The address of a machine that has a PyTorch index under /whl/cpu."""
    with HTTPServer(("127.0.0.1", 0), TorchPage) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def silent_host() -> Iterator[str]:
    """The address of a machine that takes a request and never answers it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def no_gpu(tmp_path: Path) -> torch_index.GpuProbe:
    """What tells of a GPU, on a machine without one."""
    return torch_index.GpuProbe(
        command=(str(tmp_path / "no-nvidia-smi"),), driver=tmp_path / "no-driver"
    )


def test_without_a_gpu_the_cpu_index_is_taken_when_it_answers(
    index_host: str, no_gpu: torch_index.GpuProbe
) -> None:
    """So that nobody downloads 3 GB of CUDA that nothing on the machine can use."""
    choice = torch_index.choose(cpu_index=f"{index_host}/whl/cpu", gpu=no_gpu, platform="linux")

    assert choice.index == f"{index_host}/whl/cpu"
    assert "CPU build" in choice.reason


def test_an_index_that_does_not_know_torch_is_passed_over(
    index_host: str, no_gpu: torch_index.GpuProbe
) -> None:
    choice = torch_index.choose(cpu_index=f"{index_host}/whl/none", gpu=no_gpu, platform="linux")

    assert choice.index is None
    assert "does not answer" in choice.reason


def test_an_index_that_is_silent_costs_no_more_than_the_wait(
    silent_host: str, no_gpu: torch_index.GpuProbe
) -> None:
    """Behind a firewall that drops packets, the installation goes on as if nothing was asked."""
    started = time.monotonic()

    choice = torch_index.choose(
        cpu_index=silent_host, gpu=no_gpu, platform="linux", wait_seconds=0.2
    )

    assert choice.index is None
    assert time.monotonic() - started < 2


def test_a_name_that_resolves_slowly_costs_no_more_than_the_wait(
    monkeypatch: pytest.MonkeyPatch, no_gpu: torch_index.GpuProbe
) -> None:
    """A time-out of a socket does not bound the look-up of its name."""
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [][: released.wait(20)])
    started = time.monotonic()

    choice = torch_index.choose(
        cpu_index="http://index.invalid", gpu=no_gpu, platform="linux", wait_seconds=0.2
    )
    released.set()

    assert choice.index is None
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("told_by", ["command", "driver"])
def test_a_machine_with_a_gpu_keeps_the_plain_index(
    told_by: str, index_host: str, tmp_path: Path, no_gpu: torch_index.GpuProbe
) -> None:
    """PyPI's PyTorch brings CUDA, and here it is wanted."""
    gpus = {
        "command": no_gpu._replace(command=("true",)),
        "driver": no_gpu._replace(driver=tmp_path),
    }

    choice = torch_index.choose(
        cpu_index=f"{index_host}/whl/cpu", gpu=gpus[told_by], platform="linux"
    )

    assert choice.index is None
    assert "NVIDIA GPU" in choice.reason


def test_a_macintosh_is_not_asked_anything(no_gpu: torch_index.GpuProbe) -> None:
    """PyPI's PyTorch for macOS has no CUDA in it, so there is nothing to choose."""
    choice = torch_index.choose(cpu_index="http://index.invalid", gpu=no_gpu, platform="darwin")

    assert choice.index is None


def test_the_script_prints_the_index_alone_and_tells_why_beside_it(index_host: str) -> None:
    """The Makefile reads the one, the person reads the other."""
    url = f"{index_host}/whl/cpu"

    done = run_script("--given", url)

    assert done.stdout == f"{url}\n"
    assert done.stderr.startswith("== ")
    assert len(done.stderr.splitlines()) == 1


def test_an_index_given_by_the_person_is_taken_unasked() -> None:
    done = run_script("--given", "https://index.invalid/whl/cu126")

    assert done.stdout == "https://index.invalid/whl/cu126\n"
    assert "INDEX_URL" in done.stderr


def test_who_asks_for_faiss_on_a_gpu_keeps_the_plain_index() -> None:
    """`make setup EXTRAS=dev,gpu`, perhaps on a machine that gets its GPU later."""
    done = run_script("--extras", "dev,gpu")

    assert done.stdout == ""
    assert "EXTRAS" in done.stderr


def test_the_makefile_installs_by_the_choice_of_the_script() -> None:
    """`make setup` is the only place where the choice has an effect."""
    recipe = (ROOT / "Makefile").read_text()

    assert re.search(r"scripts/torch_index\.py .*--given '\$\(INDEX_URL\)'", recipe)
    assert "$${index:+--extra-index-url" in recipe


def test_the_pin_accepts_the_build_of_the_cpu_index() -> None:
    """`torch==2.13.0` fits `2.13.0+cpu`, and pip prefers the latter where both are offered."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pin = Requirement(next(line for line in lines if line.startswith("torch==")))
    version = str(pin.specifier).removeprefix("==")

    assert pin.specifier.contains(f"{version}+cpu")


def run_script(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "torch_index.py", *words],
        capture_output=True,
        text=True,
        check=True,
    )
