"""What every test may lean on: a clean environment, one of each built-in model, real clips.

Nothing here imports torch: a test that does not need it starts without it.
"""

import os
import random
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock
from hypothesis import settings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("cpd", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("cpd")


def pytest_configure(config: pytest.Config) -> None:
    """Set what libraries read while they are imported, before a test module imports them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that runs us in the background has us ignore Ctrl-C, and programs that tests
        # start and interrupt would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as cpd.main does
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Workers share the cores already; more threads in each make all of them slower.
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, or fail where the run must not go without it."""
    if item.get_closest_marker("gpu") and not _has_cuda():
        _skip_or_fail("no CUDA device", required_by="CPD_REQUIRE_GPU")
    if item.get_closest_marker("browser") and _find_chromium() is None:
        _skip_or_fail("no Chromium on the PATH", required_by="CPD_REQUIRE_BROWSER")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One temporary folder for the whole run, the same one in every xdist worker."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def clean_environment(run_folder: Path) -> Iterator[None]:
    """No CPD_ setting of the person who runs the tests; a cache that is not theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CPD_")]:
            if not _steers_tests(name):
                patch.delenv(name)
        cache = run_folder / "cache"
        cache.mkdir(exist_ok=True)
        patch.setenv("CPD_CACHE", str(cache))
        yield


@pytest.fixture(autouse=True)
def random_state() -> Iterator[None]:
    """A test that seeds or draws does not change what the next one draws."""
    python_state = random.getstate()
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.random.get_rng_state() if torch else None

    yield

    random.setstate(python_state)
    if numpy:
        numpy.random.set_state(numpy_state)
    if torch:
        torch.random.set_rng_state(torch_state)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the project; `CPD_SHARED_DATA` names another one."""
    named = os.environ.get("CPD_SHARED_DATA")
    folder = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data"
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no real clips at {folder}: set CPD_SHARED_DATA to a folder that has them")
    return folder


@pytest.fixture(scope="session")
def start_bundle(clean_environment: None, run_folder: Path) -> Path:
    """The folder of `cpd-start`, made once for the whole run, where `load_encoder` looks for it."""
    return _built_in("cpd-start", run_folder)


@pytest.fixture(scope="session")
def base_bundle(clean_environment: None, run_folder: Path) -> Path:
    """The same of `cpd-base`, the default model."""
    return _built_in("cpd-base", run_folder)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium that is installed here."""
    path = _find_chromium()
    if path is None:
        _skip_or_fail("no Chromium on the PATH", required_by="CPD_REQUIRE_BROWSER")
    return path


def _built_in(name: str, run_folder: Path) -> Path:
    from cpd_model.built_in.models import ensure_built_in

    with FileLock(run_folder / f"{name}.lock", timeout=240):
        return ensure_built_in(name)


def _steers_tests(name: str) -> bool:
    return name == "CPD_SHARED_DATA" or name.startswith("CPD_REQUIRE_")


def _skip_or_fail(reason: str, *, required_by: str) -> NoReturn:
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{reason}, but {required_by}=1 asks for one", pytrace=False)
    pytest.skip(f"{reason}; {required_by}=1 turns this skip into a failure")


def _find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def _has_cuda() -> bool:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver warns; the skip's reason says enough
        return torch.cuda.is_available()
