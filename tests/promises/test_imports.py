"""The command line starts light: what is heavy is imported by the command that needs it."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "faiss", "av", "sqlalchemy", "alembic", "fastapi", "PIL")

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


@pytest.mark.parametrize("package", ["cpd_model", "index", "training", "service"])
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


def modules_after(program: str) -> set[str]:
    """The names of all modules that a fresh Python has loaded after running the program."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stderr.splitlines()[-1].split())
