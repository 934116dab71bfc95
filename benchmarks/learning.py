"""The paper's claims, small enough for a CPU: objectives, curriculum, K, amount and source.

python benchmarks/learning.py --pairs FILE                    all tables, about 25 minutes of a core
python benchmarks/learning.py --pairs FILE --only amount --dry-run

Every run is the recipe `base` with a smaller head, on features that are computed once (which takes
its time where the cache has them not yet). The pairs' ids begin with their source, as in
`flickr8k/...`, and each source is judged on its own val videos alone. The figures are those of the
last step: val chose nothing but one learning rate and temperature for each objective, on a seed
that the table does not use.

Axes: N pairs, D shared space.
"""

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import mean

import numpy as np
from learning_lab import (
    BATCH,
    HIDDEN,
    Found,
    Lab,
    source_of,
    spread,
    tell,
    with_loss,
)
from numpy.typing import NDArray
from results import markdown_table, public_name, record

from cpd_model.bundle import open_bundle, save_bundle
from cpd_model.defaults import DEFAULT_MODEL
from cpd_model.encoder import Encoder
from cpd_model.loading import load_encoder
from training.config import Curriculum, LossChoice, RunConfig
from training.evaluate_linear import LinearChoice, evaluate_linear
from training.label_figures import label_figures, label_intervals
from training.views import Views

ALL = "all"
UCF_CLASSES = ("BabyCrawling", "Punch", "PushUps")
FIGHT_CLASSES = ("fight", "noFight")
TUNING_SEED = 1000
"""Of the runs that choose rates and temperatures; the tables' seeds count from 0."""

TOKEN_STEPS, TOKEN_BATCH = 48, 96
"""Of the curriculum's runs: their captions go through the whole text encoder."""


NCE = LossChoice(kind="nce", num_negatives=4096, shared_negatives=True)
INFONCE = LossChoice(kind="infonce")
SIGMOID = LossChoice(kind="sigmoid")
OBJECTIVES = {
    "NCE with banks, K = 4096": (NCE, (0.05, 0.07)),
    "InfoNCE in the batch": (INFONCE, (0.05, 0.07)),
    "sigmoid, its temperature learns": (SIGMOID, (0.1,)),
}
RATES = (1e-3, 3e-3)


class Bench:
    """The tables; what one chooses, the next ones use."""

    def __init__(self, lab: Lab, *, seeds: int) -> None:
        self.lab = lab
        self.seeds = seeds

    @cached_property
    def tuned(self) -> dict[str, RunConfig]:
        """Of each objective the learning rate and temperature that served best on one seed."""
        chosen = {}
        for name, (loss, temperatures) in OBJECTIVES.items():
            tried = [
                with_loss(
                    replace(self.lab.config, seed=TUNING_SEED),
                    replace(loss, temperature=temperature),
                    rate,
                )
                for temperature in temperatures
                for rate in RATES
            ]
            recalls = [_mean_recall(self.lab.run(config)) for config in tried]
            best = tried[int(np.argmax(recalls))]
            chosen[name] = best
            tell(
                f"{name}: temperature {best.loss.temperature}, rate "
                f"{best.optimizer.learning_rate}, recall {max(recalls):.4f} "
                f"(others {min(recalls):.4f} and up)"
            )
        return chosen

    def objectives(self) -> str:
        """NCE, InfoNCE and the sigmoid loss at the same number of steps."""
        rows = [
            self._row(
                f"{name} (temperature {config.loss.temperature:g}, rate "
                f"{config.optimizer.learning_rate:g})",
                [self.lab.run(replace(config, seed=seed)) for seed in range(self.seeds)],
            )
            for name, config in self.tuned.items()
        ]
        return self._table(
            rows,
            "Learning rate and temperature of each were chosen among "
            f"{', '.join(f'{len(RATES) * len(t)}' for _, t in OBJECTIVES.values())} on one "
            f"other seed. The same steps for all; seconds say what they cost.",
        )

    def negatives(self) -> str:
        """K, with NCE's own best temperature and rate."""
        config = self.tuned["NCE with banks, K = 4096"]
        counts = [count for count in (64, 512, 4096) if count < len(self.lab.train.pairs)]
        rows = []
        for count in [*counts, len(self.lab.train.pairs)]:
            loss = replace(config.loss, num_negatives=count)
            found = [
                self.lab.run(replace(config, loss=loss, seed=seed)) for seed in range(self.seeds)
            ]
            rows.append(self._row(f"K = {count}", found))
        return self._table(
            rows,
            "NCE, temperature and rate as chosen for K = 4096; the last K is "
            "N. One draw of K serves the whole batch.",
        )

    def amount(self) -> str:
        """The growth curve of weak supervision."""
        rows = []
        for parts in (8, 4, 2, 1):
            found, sizes = [], set()
            for seed in range(self.seeds):
                part = self.lab.train.share(parts, seed=seed)
                sizes.add(len(part.pairs))
                found.append(self.lab.run(replace(self._usual, seed=seed), part))
            share = "all pairs" if parts == 1 else f"1/{parts} of the pairs"
            rows.append(self._row(f"{share} ({min(sizes)})", found))
        return self._table(
            rows,
            f"{self._usual_words} The same steps whatever the amount, each "
            "seed with its own part; smaller parts lie within larger ones.",
        )

    def sources(self) -> str:
        """One source alone, looked at by the others."""
        names = sorted({source_of(pair.id) for pair in self.lab.train.pairs})
        rows = []
        for name in [*names, ALL]:
            part = self.lab.train if name == ALL else self.lab.train.of_source(name)
            found = [
                self.lab.run(replace(self._usual, seed=seed), part) for seed in range(self.seeds)
            ]
            rows.append(self._row(f"{name} ({len(part.pairs)} pairs)", found))
        return self._table(rows, f"{self._usual_words} The same steps for all.")

    def curriculum(self) -> str:
        """When the text encoder's last layers learn."""
        short = replace(self._usual, data=replace(self._usual.data, batch_size=TOKEN_BATCH))
        steps_per_epoch = len(self.lab.train.pairs) // TOKEN_BATCH
        half = TOKEN_STEPS / 2 / steps_per_epoch
        rows = []
        for name, unfreeze, layers in (
            ("never (stage I alone)", None, None),
            ("last layer, second half", half, 1),
            ("last two layers, second half", half, 2),
            ("last two layers, from the start", 0.0, 2),
        ):
            choice = Curriculum(
                unfreeze_epoch=unfreeze, text_learning_rate=1e-4, text_layers=layers
            )
            found = []
            for seed in range(self.seeds):
                config = replace(
                    short,
                    seed=seed,
                    curriculum=choice,
                    optimizer=replace(short.optimizer, warmup_epochs=4 / steps_per_epoch),
                )
                found.append(self.lab.run(config, steps=TOKEN_STEPS))
            rows.append(self._row(name, found))
        return self._table(
            rows,
            f"{self._usual_words} Only {TOKEN_STEPS} steps of {TOKEN_BATCH} "
            "pairs, for captions that learn go through the whole text encoder; "
            "its rate is 1e-4. Says how the start differs, not the end.",
        )

    def linear(self, model: str, data: Path) -> str:
        """Trained features against those that they were made of."""
        if not (data / "manifest.csv").is_file():
            return "Skipped: no real clips; name their folder with CPD_SHARED_DATA."
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            manifests = _linear_manifests(data, Path(folder))
            for label, encoder, source in self._encoders(model, Path(folder)):
                row = [label]
                for manifest, number, classes in manifests:
                    choice = LinearChoice(
                        split=number,
                        classes=classes,
                        features=source,
                        views=Views(1, 1),
                        train_views=Views(1, 1),
                    )
                    row.append(_accuracy(evaluate_linear(manifest, encoder, choice=choice)))
                rows.append(row)
        header = ["features", "UCF101, 3 classes, split 2", "fight or not"]
        return (
            f"{markdown_table(header, rows)}\n\nTop-1 with its 95 % interval. Logistic regression, "
            "L2 chosen on training videos held back by group; one clip of each video. Fight or not: "
            "25 clips each, a quarter of them tested."
        )

    def _encoders(self, model: str, folder: Path) -> list[tuple[str, Encoder, str]]:
        found: list[tuple[str, Encoder, str]] = []
        start = load_encoder("cpd-start")
        found.append(("cpd-start, backbone features", start, "trunk"))
        found.append(("cpd-start, embedding", start, "embedding"))
        _, built = self.lab.trained(replace(self._usual, seed=0))
        save_bundle(built.model, built.processor, folder / "trained")
        own = open_bundle(folder / "trained", name="trained", device="cpu")
        found.append(("head of these tables, embedding", own, "embedding"))
        if model != "cpd-start":
            found.append((f"{public_name(model)}, embedding", load_encoder(model), "embedding"))
        return found

    @cached_property
    def _usual(self) -> RunConfig:
        return with_loss(self.lab.config, replace(INFONCE, temperature=0.05), 2e-3)

    @property
    def _usual_words(self) -> str:
        return "InfoNCE, temperature 0.05, rate 2e-3."

    def _row(self, name: str, found: list[Found]) -> list[str]:
        cells = [name]
        for source in self.lab.sources:
            cells += [
                spread([one.recalls[source][figure] for one in found])
                for figure in ("recall_at_1", "recall_at_5", "recall")
            ]
        row = [*cells, f"{mean(one.seconds for one in found):.0f}"]
        tell(" | ".join(row))
        return row

    def _table(self, rows: list[list[str]], about: str) -> str:
        header = [
            "",
            *(
                f"{source} {figure}"
                for source in self.lab.sources
                for figure in ("R@1", "R@5", "mean")
            ),
            "seconds",
        ]
        return f"{about}\n\n{markdown_table(header, rows)}"


def _mean_recall(found: Found) -> float:
    return mean(figures["recall"] for figures in found.recalls.values())


def _accuracy(result: object) -> str:
    groups = [video.group for video in result.split.test]  # type: ignore[attr-defined]
    classes = [video.label for video in result.split.test]  # type: ignore[attr-defined]
    ranks: NDArray[np.float64] = result.ranks_V  # type: ignore[attr-defined]
    low, high = label_intervals(ranks, classes, groups_V=groups)["top1"]
    return f"{label_figures(ranks, classes)['top1']:.3f} ({low:.3f} to {high:.3f})"


def _linear_manifests(data: Path, folder: Path) -> list[tuple[Path, int, Path]]:
    """Manifest, split and class list of each task."""
    ucf = folder / "ucf.txt"
    ucf.write_text("\n".join(UCF_CLASSES) + "\n", encoding="utf-8")
    fight = folder / "fight.txt"
    fight.write_text("\n".join(FIGHT_CLASSES) + "\n", encoding="utf-8")
    with (data / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in FIGHT_CLASSES]
    made = folder / "fight.csv"
    with made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        for number, row in enumerate(rows):
            part = "test" if number % 4 == 0 else "train"
            writer.writerow([data / row["path"], row["label"], part])
    return [(data / "manifest.csv", 2, ucf), (made, 1, fight)]


TABLES: dict[str, str] = {
    "objectives": "Objectives at equal steps",
    "amount": "Amount of pairs",
    "sources": "One source, seen from the other",
    "curriculum": "Curriculum of the text encoder",
    "negatives": "Number of negatives",
    "linear": "Linear protocol",
}


def main() -> None:
    """Measure and record, a section for each table so that a stopped run keeps what it has."""
    options = _options()
    lab = Lab(options.pairs, options.val)
    bench = Bench(lab, seeds=options.seeds)
    about = (
        f"{len(lab.train.pairs)} pairs to learn from, val by source: "
        + ", ".join(f"{name} {len(lab.val.of_source(name).pairs)} videos" for name in lab.sources)
        + f". Recipe `base` with {HIDDEN} hidden units on the mean frame of each pair, batches of "
        f"{BATCH}, "
        f"{lab.steps_of(lab.config)} steps where nothing else is said, last step's figures, "
        f"{options.seeds} seeds (mean +- standard deviation). R@k: captions as queries among the "
        "videos of their source; mean: of R@1, 5, 10 both ways."
    )
    for name in options.only or TABLES:
        started = time.monotonic()
        table: Callable[[], str] = (
            (lambda: bench.linear(options.model, options.data))
            if name == "linear"
            else getattr(bench, name)
        )
        text = table()
        took = f"\n\nTook {(time.monotonic() - started) / 60:.1f} minutes."
        record(
            f"Learning: {TABLES[name]}",
            f"{about}\n\n{text}{took}",
            **({"results": None} if options.dry_run else {}),
        )


def _options() -> argparse.Namespace:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--val", type=Path, help="the rows of --pairs whose split is val, without")
    parser.add_argument("--only", nargs="+", choices=TABLES, help="these tables alone")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="of the linear protocol's last row")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
