"""How fast and how truly vectors are searched, filters included, against other people's indexes.

    python benchmarks/vector_search.py                        100,000 vectors; into RESULTS.md
    python benchmarks/vector_search.py --rows 1000000 --keep FOLDER
    python benchmarks/vector_search.py --rows 20000 --only cpd "FAISS Flat" --dry-run

Vectors and queries have the statistics of real windows and captions (`rig.generated_vectors`). This
project goes through what its own searches go through: a published library and `View.candidates`,
with the parameters that it measured for itself. The peers (`rig.peers`, installed by
`benchmarks/peers.txt`; those that are absent are left out and named) get a ladder of efforts, in
each row of the table anew: the cheapest that finds .98 of the true ten counts, else the one that
finds most.

Each engine builds in one process and searches in another, with one thread. Every query is timed by
itself. Queries a second are those of one core, by processor time, which other work on the machine
disturbs least, in the round of five that took least of it. p50 and p99 are of the queries' wall
times, each query's shortest of five, for the same reason.

`--keep FOLDER` keeps vectors, indexes and figures there, and goes on from what it finds.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from rig.own_engine import OwnEngine, OwnExactEngine, OwnIvfEngine
from rig.peers import PEERS, Engine, hold_to_one_thread, missing, told_version
from rig.results import markdown_table, record
from rig.vector_cases import FILTER_NAMES, Cases, K, recall

ENGINES: dict[str, Callable[[], Engine]] = {
    kind.name: kind for kind in (OwnEngine, OwnExactEngine, OwnIvfEngine, *PEERS)
}
USUAL = [OwnEngine.name, *(kind.name for kind in PEERS)]
WANTED_RECALL = 0.98
ROUNDS = 5
CASES = {"all": "no filter", **FILTER_NAMES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """All queries once."""

    effort: int
    recall: float
    cpu_ms: float
    """Of a query, mean."""
    times_Q: NDArray[np.float64]
    """Seconds of each query."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One engine under one filter."""

    effort: int
    recall: float
    cpu_ms: float
    """Of a query, mean."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All of one engine."""

    version: str
    build_cpu_seconds: float
    disk_bytes: int
    resident_bytes: int
    """By how much the searching process grew; touched pages of mapped files count once."""
    cases: dict[str, Answered]


def main() -> None:
    """Measure every engine that is there and record the tables."""
    options = _options()
    hold_to_one_thread()
    with tempfile.TemporaryDirectory(prefix="cpd-vectors-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        asked = (folder, options.rows, options.queries)
        print("drawing vectors and finding the truth", flush=True)
        _alone(_make_cases, *asked)
        measured, absent = {}, []
        for name in options.only:
            if lacking := missing(ENGINES[name]()):
                absent.append(f"{name} ({', '.join(lacking)} not installed)")
                continue
            measured[name] = _measured(name, *asked)
    tables = _tables(measured, options.rows, options.queries, absent)
    record(
        f"Vector search, {options.rows:,} vectors",
        tables,
        **({"results": None} if options.dry_run else {}),
    )


def _measured(name: str, folder: Path, num_rows: int, num_queries: int) -> Measured:
    """Build and search one engine, or read what an earlier run kept."""
    own = folder / name.replace(" ", "-").replace(",", "")
    told = own / "measured.json"
    if not told.exists():
        own.mkdir(exist_ok=True)
        if not (own / "built.json").exists():
            print(f"building: {name}", flush=True)
            cpu_seconds = _alone(_build, name, own, folder, num_rows, num_queries)
            (own / "built.json").write_text(json.dumps(cpu_seconds))
        print(f"searching: {name}", flush=True)
        found = _alone(_search, name, own, folder, num_rows, num_queries)
        found["build_cpu_seconds"] = json.loads((own / "built.json").read_text())
        told.write_text(json.dumps(found))
    found = json.loads(told.read_text())
    cases = {case: Answered(**answered) for case, answered in found.pop("cases").items()}
    return Measured(**found, cases=cases)


def _alone(work: Callable[..., Any], *arguments: object) -> Any:
    """Run in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def _make_cases(folder: Path, num_rows: int, num_queries: int) -> None:
    Cases.make(folder, num_rows=num_rows, num_queries=num_queries)


def _build(name: str, own: Path, folder: Path, num_rows: int, num_queries: int) -> float:
    """Processor seconds that building took."""
    cases = Cases.make(folder, num_rows=num_rows, num_queries=num_queries)
    engine = ENGINES[name]()
    engine.prepare(own, cases.vectors_ND, cases.keeps)
    began = time.process_time()
    engine.build(own, cases.vectors_ND, cases.keeps)
    return time.process_time() - began


def _search(name: str, own: Path, folder: Path, num_rows: int, num_queries: int) -> dict[str, Any]:
    cases = Cases.make(folder, num_rows=num_rows, num_queries=num_queries)
    engine = ENGINES[name]()
    before = psutil.Process().memory_full_info().pss
    engine.open(own, cases.keeps)
    answered = {case: asdict(_answered(engine, cases, case)) for case in CASES}
    return {
        "version": told_version(engine),
        "disk_bytes": sum(path.stat().st_size for path in own.rglob("*") if path.is_file()),
        "resident_bytes": psutil.Process().memory_full_info().pss - before,
        "cases": answered,
    }


def _answered(engine: Engine, cases: Cases, case: str) -> Answered:
    """Climb the ladder of efforts, then repeat the step that was good enough."""
    tried = []
    for effort in engine.efforts:
        tried.append(_round(engine, cases, case, effort))
        if tried[-1].recall >= WANTED_RECALL:
            break
    best = max(tried, key=lambda one: (min(one.recall, WANTED_RECALL), -one.cpu_ms))
    again = [_round(engine, cases, case, best.effort) for _ in range(ROUNDS - 1)]
    times_Q = np.min([one.times_Q for one in (best, *again)], axis=0)
    return Answered(
        effort=best.effort,
        recall=best.recall,
        cpu_ms=min(one.cpu_ms for one in (best, *again)),
        p50_ms=1000 * float(np.quantile(times_Q, 0.5)),
        p99_ms=1000 * float(np.quantile(times_Q, 0.99)),
    )


def _round(engine: Engine, cases: Cases, case: str, effort: int) -> Round:
    """All queries, one after the other."""
    keep = None if case == "all" else case
    found, times = [], []
    cpu = time.process_time()
    for query_D in cases.queries_QD:
        began = time.perf_counter()
        ids = engine.searches.search(query_D, K, effort=effort, keep=keep)
        times.append(time.perf_counter() - began)
        found.append(np.asarray(ids, dtype=np.int64))
    cpu = time.process_time() - cpu
    return Round(
        effort=effort,
        recall=recall(found, cases.truth[case]),
        cpu_ms=1000 * cpu / len(times),
        times_Q=np.array(times),
    )


def _tables(
    measured: dict[str, Measured], num_rows: int, num_queries: int, absent: list[str]
) -> str:
    """What each is and costs, then one row for each filter and engine."""
    whole = [
        [
            found.version,
            f"{found.build_cpu_seconds:.0f}",
            f"{found.resident_bytes / num_rows:.0f}",
            f"{found.disk_bytes / num_rows:.0f}",
        ]
        for found in measured.values()
    ]
    note = (
        f"{num_queries} queries, {K} hits, one thread. Queries a second of one core, by processor "
        f"time, in the best of {ROUNDS} rounds; p50 and p99 of each query's best. A peer searches "
        f"with the least effort that finds {WANTED_RECALL:g} of the true ones, else with that "
        "which finds most (in brackets: it falls short). cpd / it: how many times its queries a "
        "second cpd answers. Memory: what the process grew by, touched pages of mapped files "
        "included."
    )
    left_out = f"\n\nLeft out: {'; '.join(absent)}." if absent else ""
    header = ["engine", "build, CPU s", "memory, bytes a vector", "disk, bytes a vector"]
    answered = [row for case in CASES for row in _case_rows(measured, case)]
    columns = ["filter", "engine", "queries/s", "cpd / it", "p50, ms", "p99, ms", "recall@10"]
    return (
        f"{note}{left_out}\n\n{markdown_table(header, whole)}\n\n"
        f"{markdown_table(columns, answered)}{_best_peers(measured)}"
    )


def _case_rows(measured: dict[str, Measured], case: str) -> list[list[str]]:
    own = measured.get(OwnEngine.name)
    rows = []
    for name, found in measured.items():
        answered = found.cases[case]
        is_short = answered.recall < WANTED_RECALL
        ratio = "-" if own is None else f"{answered.cpu_ms / own.cases[case].cpu_ms:.1f}"
        rows.append(
            [
                CASES[case],
                name,
                f"{1000 / answered.cpu_ms:.0f}",
                f"[{ratio}]" if is_short else ratio,
                f"{answered.p50_ms:.2f}",
                f"{answered.p99_ms:.2f}",
                f"[{answered.recall:.3f}]" if is_short else f"{answered.recall:.3f}",
            ]
        )
    return rows


def _best_peers(measured: dict[str, Measured]) -> str:
    """The queries a second of this project over those of the best peer that finds enough."""
    own = measured.get(OwnEngine.name)
    peers = {kind.name for kind in PEERS} & set(measured)
    if own is None or not peers:
        return ""
    told = []
    for case, words in CASES.items():
        enough = [n for n in peers if measured[n].cases[case].recall >= WANTED_RECALL]
        if not enough:
            told.append(f"- {words}: no peer finds {WANTED_RECALL:g}")
            continue
        best = min(enough, key=lambda name: measured[name].cases[case].cpu_ms)
        ratio = measured[best].cases[case].cpu_ms / own.cases[case].cpu_ms
        told.append(f"- {words}: {ratio:.1f} times the queries a second of {best}")
    return "\n\ncpd against the best peer that finds enough:\n\n" + "\n".join(told)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000, help="vectors, a multiple of 50")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=list(ENGINES), default=USUAL)
    parser.add_argument("--keep", type=Path, help="a folder for vectors, indexes and figures")
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
