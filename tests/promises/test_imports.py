"""The command line starts light: what is heavy is imported by the command that needs it."""

import resource
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "faiss",
    "av",
    "sqlalchemy",
    "alembic",
    "fastapi",
    "PIL",
    "sklearn",
)

HELP = """
import sys
import cpd
try:
    cpd.main({words!r})
except SystemExit as ended:
    assert ended.code == 0, ended.code
print(*sorted(sys.modules), file=sys.stderr)
"""

COMMANDS = [
    ["--help"],
    ["index", "--help"],
    ["index", "add", "--help"],
    ["search", "--help"],
    ["label", "--help"],
    ["serve", "--help"],
    ["model", "--help"],
    ["evaluate", "--help"],
    ["dataset", "--help"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """A person who asks for help does not wait for PyTorch."""
    imported = modules_after(HELP.format(words=words))

    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("package", ["cpd", "cpd_model", "index", "training", "service"])
def test_a_package_alone_imports_nothing_heavy(package: str) -> None:
    """Importing a package has no price until one of its names is used."""
    imported = modules_after(f"import sys, {package}\nprint(*sorted(sys.modules), file=sys.stderr)")

    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        "index.decoding.worker",
        "index.video.media",
        "index.decoding.pool",
        "training.data.webdataset",
    ],
)
def test_a_decoder_process_never_loads_pytorch(module: str) -> None:
    """Decoders are many and recycled often: PyTorch in each would cost seconds and gigabytes."""
    imported = modules_after(f"import sys, {module}\nprint(*sorted(sys.modules), file=sys.stderr)")

    assert imported.isdisjoint({"torch", "transformers", "faiss"})


def test_importing_cpd_takes_no_longer_than_its_help() -> None:
    """In processor time, which other programs hardly change; it is a tenth of it."""
    imported = min(processor_seconds("-c", "import cpd") for _ in range(2))
    helped = min(processor_seconds("-m", "cpd", "--help") for _ in range(2))

    assert imported <= helped


def processor_seconds(*words: str) -> float:
    """What a fresh Python spends on these words, its own start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], capture_output=True, timeout=120, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def modules_after(program: str) -> set[str]:
    """The names of all modules that a fresh Python has loaded after running the program."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stderr.splitlines()[-1].split())
