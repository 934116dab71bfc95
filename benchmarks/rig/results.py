"""Writes what a benchmark measured to RESULTS.md, with its machine and versions."""

import datetime
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

RESULTS = Path(__file__).resolve().parents[1] / "RESULTS.md"

_HEADING = """# Results

What the benchmarks in this folder measured, newest last. Each section names its machine
and versions: compare figures within a section; across machines compare ratios only.
"""


def record(name: str, table_markdown: str, *, results: Path | None = RESULTS) -> None:
    """Print a section and append it to RESULTS.md; `results=None` only prints.

    No host names and no paths: a section may be published.
    """
    section = f"\n## {name}\n\n{describe_machine()}\n\n{table_markdown.strip()}\n"
    print(section)
    if results is None:
        return
    before = results.read_text(encoding="utf-8") if results.exists() else _HEADING
    partial = results.with_suffix(".partial")
    partial.write_text(before.rstrip("\n") + "\n" + section, encoding="utf-8")
    partial.replace(results)


def describe_machine() -> str:
    """Date, processor, memory, GPU, versions and commit, as two lines of text."""
    memory_gb = psutil.virtual_memory().total / 1e9
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    packages = ", ".join(f"{name} {_version_of(name)}" for name in ("torch", "av", "faiss"))
    return (
        f"{today}, commit {_commit()}; {_cpu_name()}, {usable_cores()} cores, "
        f"{memory_gb:.0f} GB memory, GPU: {_gpu_name()};\n"
        f"Python {platform.python_version()}, {packages}."
    )


def usable_cores() -> int:
    """Cores that this process may run on."""
    if sys.platform == "linux":
        return len(psutil.Process().cpu_affinity() or [0])
    return psutil.cpu_count() or 1


def public_name(model: str) -> str:
    """A model's name as it may be published: of a folder only the last part."""
    return Path(model).name if Path(model).is_dir() else model


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is words and whose others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"


def _version_of(package: str) -> str:
    # faiss comes from one of two packages.
    names = ("faiss-gpu", "faiss-cpu") if package == "faiss" else (package,)
    for name in names:
        try:
            return version(name) if len(names) == 1 else f"{version(name)} ({name[6:]})"
        except PackageNotFoundError:
            continue
    return "not installed"


def _commit() -> str:
    """Short commit hash, with a plus when tracked files differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":!*RESULTS.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*words: str) -> str:
    completed = subprocess.run(
        ["git", *words], cwd=RESULTS.parent, check=True, capture_output=True, text=True
    )
    return completed.stdout.strip()
