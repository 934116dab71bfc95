"""How well a model finds and names the real clips beside the project, with how sure that is.

python benchmarks/quality.py                  the default model; appends to RESULTS.md
python benchmarks/quality.py --model FOLDER --dry-run
"""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rig.results import markdown_table, public_name, record

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.encoder import Encoder
from cpd_model.loading import load_encoder
from training.evaluation.metrics import (
    Floats,
    bootstrap_interval,
    mean_per_class,
    mean_reciprocal_rank,
    median_rank,
    recall_at,
)
from training.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from training.evaluation.zero_shot import ZeroShotResult, evaluate_zero_shot

SEED = 20_240_601
PROTOTYPE = {"R@1": "0.56", "R@5": "0.84", "R@10": "0.93", "top-1": "0.26", "top-5": "0.44"}
"""What the first sketch of cpd-base reached on the same clips: the figures to beat."""

HEADER = ["figure", "measured", "95 % interval", "chance", "prototype"]


def main() -> None:
    """Measure and record; without the clips, say so and leave."""
    options = _options()
    data = options.data
    if not (data / "manifest.csv").is_file():
        print(f"quality: skipped, no real clips at {data}; name their folder with CPD_SHARED_DATA")
        return
    encoder = load_encoder(options.model, device=options.device)
    sections = [
        _retrieval_section(evaluate_retrieval(data / "manifest.csv", encoder), data),
        _zero_shot_section("UCF101", "ucf101_classInd.txt", encoder, data, compare=True),
        _zero_shot_section("HMDB51", "hmdb51_classInd.txt", encoder, data, compare=False),
        "Intervals: percentile bootstrap over the queries (or videos), 2000 resamples; they tell "
        "how much the figures would move with other queries of the same kind, and nothing about "
        "other kinds of video. Classes of a single clip come and go with the draw, which makes the "
        "interval of the mean per class wide.",
    ]
    record(
        f"Quality of {public_name(encoder.name)} (fingerprint {encoder.fingerprint[:12]})",
        "\n\n".join(sections),
        **({"results": None} if options.dry_run else {}),
    )


def _retrieval_section(result: RetrievalResult, data: Path) -> str:
    ranks = result.ranks_Q
    videos = result.num_videos
    rows = [
        _row(
            f"R@{k}",
            ranks,
            partial(recall_at, k=k),
            chance=f"{k / videos:.3f}",
        )
        for k in (1, 5, 10)
    ]
    rows += [
        _row(
            "median rank",
            ranks,
            lambda some: median_rank(some, num_candidates=videos),
            chance=f"{(videos + 1) / 2:g}",
            digits=1,
        ),
        _row(
            "MRR",
            ranks,
            mean_reciprocal_rank,
            chance=f"{sum(1 / rank for rank in range(1, videos + 1)) / videos:.3f}",
        ),
    ]
    return "\n\n".join(
        [
            "**Retrieval.** " + result.protocol,
            markdown_table(HEADER, rows),
            _where_captions_are_from(data / "manifest.csv"),
        ]
    )


def _zero_shot_section(
    name: str, classes: str, encoder: Encoder, data: Path, *, compare: bool
) -> str:
    result = evaluate_zero_shot(data / "manifest.csv", data / "labels" / classes, encoder)
    ranks, labels = result.ranks_V, np.asarray(result.classes_V)
    chance = 1 / result.num_classes
    rows = [
        _row("top-1", ranks, lambda some: recall_at(some, 1), chance=f"{chance:.3f}"),
        _row("top-5", ranks, lambda some: recall_at(some, 5), chance=f"{5 * chance:.3f}"),
        _mean_per_class_row(ranks, labels, chance),
    ]
    if not compare:
        rows = [[*row[:-1], "-"] for row in rows]
    purpose = "" if compare else f" For information: only {len(ranks)} clips."
    return "\n\n".join(
        [
            f"**Zero-shot, {name}.** {result.protocol}{purpose}{_uneven(result)}",
            markdown_table(HEADER, rows),
        ]
    )


def _uneven(result: ZeroShotResult) -> str:
    """How unevenly the clips lie over the classes: top-1 and mean per class differ by it."""
    counts = sorted(Counter(result.classes_V).values(), reverse=True)
    return f" Clips of each class that occurs: {', '.join(str(count) for count in counts)}."


def _mean_per_class_row(ranks: Floats, labels: NDArray[np.intp], chance: float) -> list[str]:
    def statistic(items: NDArray[np.intp]) -> float:
        return mean_per_class(ranks[items] <= 1, labels[items])

    return _figure_row("mean per class", len(ranks), statistic, chance=f"{chance:.3f}", digits=3)


def _row(
    name: str, ranks: Floats, figure: Callable[[Floats], float], *, chance: str, digits: int = 3
) -> list[str]:
    return _figure_row(
        name, len(ranks), lambda items: figure(ranks[items]), chance=chance, digits=digits
    )


def _figure_row(
    name: str,
    num_items: int,
    statistic: Callable[[NDArray[np.intp]], float],
    *,
    chance: str,
    digits: int,
) -> list[str]:
    low, high = bootstrap_interval(num_items, statistic, seed=SEED)
    return [
        name,
        f"{statistic(np.arange(num_items)):.{digits}f}",
        f"{low:.{digits}f} to {high:.{digits}f}",
        chance,
        PROTOTYPE.get(name, "-"),
    ]


def _where_captions_are_from(manifest: Path) -> str:
    """How many captions came from where: one written from the frames is no ground truth."""
    with manifest.open(encoding="utf-8-sig", newline="") as file:
        sources = Counter(
            row.get("caption_from", "") or "unknown"
            for row in csv.DictReader(file)
            if row.get("caption", "").strip()
        )
    listed = "; ".join(f"{count} {source}" for source, count in sources.most_common())
    return (
        f"Captions by source: {listed}. Those written from the frames are our own sentences about "
        "these very clips, not a data set's ground truth: they compare models, and promise nothing."
    )


def _options() -> argparse.Namespace:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
