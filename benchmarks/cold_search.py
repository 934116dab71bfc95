"""How long a person at a shell waits for `cpd search`, a fresh process each time.

    python benchmarks/cold_search.py                    21 searches each way; appends to RESULTS.md
    python benchmarks/cold_search.py --runs 3 --dry-run

The same search in the same library, with the query's vector from NumPy, as `cpd search` makes it
where it can, and from the whole model in PyTorch, as it did before. The other rows are parts of it:
what a fresh Python takes for the imports alone. The ways take turns, so that what else the machine
does hits all of them; the files are in the system's cache. Processor time is the steadier figure.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rig.generated_video import minute_of_video
from rig.results import markdown_table, public_name, record

from cpd_model.built_in.defaults import DEFAULT_MODEL

QUERY = "a person swimming in a pool"
WHOLE_MODEL = """
import cpd_model.loading
cpd_model.loading.load_text_encoder = cpd_model.loading.load_encoder
import cpd
cpd.main()
"""
"""`cpd` as it would be without the light way."""

LIGHT, WHOLE = "`cpd search`", "the same with the whole model in PyTorch"
PARTS = {
    "`cpd --help`": ("-m", "cpd", "--help"),
    "import torch and transformers' BERT": (
        "-c",
        "import torch; from transformers import BertModel",
    ),
    "import SQLAlchemy's ORM": ("-c", "import sqlalchemy.orm, sqlalchemy.dialects.sqlite"),
    "import NumPy and FAISS": ("-c", "import numpy, faiss"),
}


class Run(NamedTuple):
    """What one process took."""

    seconds: float

    cpu_seconds: float
    """User and system."""

    peak_bytes: int
    """Resident memory at its highest."""


def main() -> None:
    """Make a small library, search it both ways, record what it took."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="cpd-bench-") as folder:
        library = str(Path(folder) / "library")
        added = ("index", "add", str(minute_of_video()), "--library", library)
        _run(("-m", "cpd", *added, "--model", options.model))
        search = ("search", QUERY, "--library", library)
        ways = {LIGHT: ("-m", "cpd", *search), WHOLE: ("-c", WHOLE_MODEL, *search), **PARTS}
        runs = _in_turns(ways, options.runs)
    record(
        f"Cold search, {public_name(options.model)}, {options.runs} processes each",
        _section(runs),
        **({"results": None} if options.dry_run else {}),
    )


def _in_turns(ways: dict[str, tuple[str, ...]], num_runs: int) -> dict[str, list[Run]]:
    for words in ways.values():
        _run(words)  # brings its files into the system's cache
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(num_runs):
        for name, words in ways.items():
            runs[name].append(_run(words))
    return runs


def _run(words: tuple[str, ...]) -> Run:
    """Run Python with these words to its end.

    Raises:
        SystemExit: it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _section(runs: dict[str, list[Run]]) -> str:
    rows = [
        [
            name,
            f"{min(run.seconds for run in found):.2f}",
            f"{statistics.median(run.seconds for run in found):.2f}",
            f"{min(run.cpu_seconds for run in found):.2f}",
            f"{statistics.median(run.cpu_seconds for run in found):.2f}",
            f"{max(run.peak_bytes for run in found) / 1e6:.0f}",
        ]
        for name, found in runs.items()
    ]
    header = ["a fresh process", "seconds, least", "median", "processor s, least", "median", "MB"]
    pairs = list(zip(runs[WHOLE], runs[LIGHT], strict=True))
    wall = statistics.median(whole.seconds / light.seconds for whole, light in pairs)
    cpu = statistics.median(whole.cpu_seconds / light.cpu_seconds for whole, light in pairs)
    least = min(run.seconds for run in runs[LIGHT])
    return "\n\n".join(
        [
            markdown_table(header, rows),
            f"The light way is {wall:.1f} times as fast as the whole model, and takes 1/{cpu:.1f} "
            f"of its processor time (medians of pairs). At its best it took {least:.2f} s (aim: "
            f"1.5). Load of the machine at the end: {os.getloadavg()[0]:.1f}, where a process of "
            "its own counts 1.",
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
