"""What the commands of this package show to people, on stdout. Programs read `--json`."""

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from index.ingest.files import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from index.catalog.texts import VideoText
    from index.label import LabelledVideo, LabelScore
    from index.library.add_report import AddReport
    from index.library.compact import CompactReport
    from index.library.metadata import VideoMetadata
    from index.library.repair import RepairReport
    from index.search.moments import Hit, Hits

_UNBOUNDED = 10_000
"""Columns where stdout is no terminal: a path in a pipe must not be cut or folded."""


def clock_time(seconds: float) -> str:
    """`00:01:04`; hours grow as they must."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def time_range(start_seconds: float, stop_seconds: float) -> str:
    """`00:01:04-00:01:08`, whole seconds that cover the range."""
    return f"{clock_time(start_seconds)}-{clock_time(math.ceil(stop_seconds))}"


def short_path(path: str | Path) -> str:
    """The path as one would type it here: relative where it lies below the working directory."""
    text = os.fspath(path)
    below = os.path.join(os.getcwd(), "")
    return printable(text.removeprefix(below))


def counted(count: int, thing: str) -> str:
    """`1 video`, `2 videos`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def print_hits(hits: "Hits", *, is_narrowed: bool = False) -> None:
    """A table of moments, best first.

    Args:
        is_narrowed: whether not all of the library was asked.
    """
    if not hits:
        why = "nothing that was asked for fits" if is_narrowed else "the library holds no video yet"
        _show(f"no moments found: {why}")
    else:
        header = ("video", "moment", "score", *(("text",) if hits.is_fused else ()))
        print_table(header, [_hit_row(hit, with_text=hits.is_fused) for hit in hits])
    if not hits.exact:
        known = "" if hits.recall is None else f": it finds {hits.recall:.1%} of the best segments"
        _show(f"approximate search{known}")
    if hits.explanation is not None:
        for line in hits.explanation.lines():
            _show(line)


def _hit_row(hit: "Hit", *, with_text: bool) -> tuple[str, ...]:
    times = time_range(hit.start_seconds, hit.stop_seconds)
    row = (short_path(hit.path), times, f"{hit.score:.3f}")
    if not with_text:
        return row
    return (*row, "" if hit.text is None else printable(f"{hit.text.kind}: {hit.text.snippet}"))


def print_report(report: "AddReport") -> None:
    """One line of counts, then each failure with its reason."""
    _show(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.failed} failed, {report.ignored} ignored; "
        f"{report.segments} segments in {report.seconds:.1f} s"
    )
    if report.failures:
        rows = [(short_path(f.path), printable(f.reason)) for f in report.failures]
        print_table(("failed", "reason"), rows)
    if report.warnings:
        rows = [(short_path(f.path), printable(f.reason)) for f in report.warnings]
        print_table(("passed over", "reason"), rows)
    for name in report.collections or []:
        _show(f"collection {printable(name)}: made, for there was none")
    if report.pruned is not None:
        count = len(report.pruned.removal.removed)
        _show(f"{count} removed whose files are gone")


def print_metadata(said: "VideoMetadata") -> None:
    """Key, value and who says it, of all that counts."""
    from index.documents import facts_of

    if not said.merged:
        _show("nothing is said of it")
        return
    by_source = [(name, set(facts_of(getattr(said, name)))) for name in ("user", "sidecar")]
    rows = []
    for fact in facts_of(said.merged):
        source = next((name for name, facts in by_source if fact in facts), "container")
        value = fact.value if isinstance(fact.value, str) else json.dumps(fact.value)
        rows.append((printable(fact.key), printable(value), source))
    print_table(("key", "value", "said by"), rows)


def print_texts(texts: "Sequence[VideoText]") -> None:
    """The words that a video is found by, with their times."""
    rows = []
    for text in texts:
        start, stop = text.start_seconds, text.stop_seconds
        when = "" if start is None or stop is None else time_range(start, stop)
        rows.append((printable(text.body), when, text.kind))
    print_table(("text", "when", "kind"), rows)


def print_status(folder: Path, facts: Mapping[str, Any]) -> None:
    """What a library holds and what works on it.

    Args:
        facts: the fields of LibraryStatus, and `model_device`.
    """
    stale = facts["stale"]
    rows = [
        ("library", short_path(folder)),
        ("videos", f"{facts['videos']} ({facts['hours']:.2f} hours), {facts['failed']} failed"),
        *([("stale", _stale(stale))] if stale else []),
        ("segments", f"{facts['segments']}: {_windows(facts)}"),
        ("on disk", f"{facts['bytes'] / 1e6:.1f} MB"),
        ("model", f"{printable(facts['model'])} ({facts['fingerprint'][:12]})"),
        *_models_beside(facts["models"]),
        ("model runs on", facts["model_device"]),
        ("search runs on", f"{facts['search_device']} ({facts['search_device_reason']})"),
        ("generation", str(facts["generation"])),
        ("vectors", _vectors(facts)),
        *((f"part {number}", _part(part)) for number, part in enumerate(facts["part_list"], 1)),
        *(("warning", printable(warning)) for warning in facts["warnings"]),
    ]
    print_table(None, rows)


def _models_beside(models: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Those that do not answer."""
    return [
        (
            f"model {model['number']}",
            f"{printable(model['name'])} ({model['fingerprint'][:12]}), {model['state']}: "
            f"{_windows(model)}, {model['videos']} of {model['videos'] + model['lacking']} videos",
        )
        for model in models
        if not model["answers"]
    ]


def _stale(count: int) -> str:
    return f"{count}, searched as they were: their newest bytes could not be read"


def _vectors(facts: Mapping[str, Any]) -> str:
    """`3 parts, exact; 12 newer segments in memory; 40 removed ones to be cleared away`"""
    number = facts["parts"]
    searched = "exact" if facts["exact"] else f"approximate, recall {facts['recall']:.3f}"
    sentence = [f"{counted(number, 'part')}, {searched}"]
    if facts["tail_segments"]:
        sentence.append(f"{facts['tail_segments']} newer segments in memory")
    if facts["removed_segments"]:
        sentence.append(f"{facts['removed_segments']} removed ones to be cleared away")
    return "; ".join(sentence)


def _part(part: Mapping[str, Any]) -> str:
    """`ivf, 250000 segments, 12 removed, recall 0.984`"""
    sentence = [f"{part['kind']}, {part['rows']} segments"]
    if part["removed"]:
        sentence.append(f"{part['removed']} removed")
    if part["recall"] is not None:
        sentence.append(f"recall {part['recall']:.3f}")
    return ", ".join(sentence)


def print_compacted(report: "CompactReport") -> None:
    """One line: what there was, what there is, how long it took."""
    if report.kind is None:
        _show("nothing to merge: the library holds no segment")
        return
    recall = "" if report.recall is None else f", recall {report.recall:.3f}"
    _show(
        f"parts: {report.parts_before} before, {report.parts_after} now ({report.kind}{recall}); "
        f"{report.rows} segments, {report.cleared} removed ones cleared away; "
        f"{report.seconds:.1f} s"
    )


def print_repaired(report: "RepairReport", folder: Path) -> None:
    """A line for each thing that was made anew, and for each that could not be."""
    for sentence in report.rebuilt:
        _show(f"rebuilt: {printable(sentence)}")
    if report.index_again:
        _show("these videos were damaged beyond that; all others are searched:")
        for path in report.index_again:
            _show(f"  cpd index add {quote(printable(path))} --library {quote(str(folder))}")
    for sentence in report.left:
        _show(f"left: {printable(sentence)}")
    if report.is_whole:
        _show("catalog and vectors agree")


def _windows(facts: Mapping[str, Any]) -> str:
    return f"{facts['window_seconds']:g} s every {facts['hop_seconds']:g} s"


def print_labels(labelled: "LabelledVideo", *, top: int, timeline: bool) -> None:
    """The likeliest labels of the video and, with `timeline`, of each segment."""
    rows = [(score.label, f"{score.probability:.3f}") for score in labelled.labels[:top]]
    print_table(("label", "probability"), rows)
    if timeline:
        print_table(
            ("time", "labels"),
            [
                (time_range(part.start_seconds, part.stop_seconds), _in_a_row(part.labels[:top]))
                for part in labelled.segments
            ],
        )


def _in_a_row(scores: "Sequence[LabelScore]") -> str:
    return ", ".join(f"{score.label} {score.probability:.3f}" for score in scores)


def print_table(header: tuple[str, ...] | None, rows: Sequence[tuple[str, ...]]) -> None:
    """The first column folds where the terminal is narrow, the others stay whole."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    names = header or ("",) * len(rows[0])
    table = Table(box=SIMPLE if header else None, show_header=header is not None, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, overflow="fold", no_wrap=number > 0 and len(names) > 2)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _show(table)


def _show(content: "RenderableType") -> None:
    _console().print(content, highlight=False, markup=False)


def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED)
