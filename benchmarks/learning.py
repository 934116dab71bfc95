"""The paper's claims, small enough for a CPU: objectives, curriculum, K, amount and source.

python benchmarks/learning.py --pairs FILE                    all tables, 25 minutes of one core
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
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from rig.learning_lab import (
    BATCH,
    HIDDEN,
    Found,
    Lab,
    Part,
    spread,
    tell,
    with_loss,
)
from rig.results import markdown_table, public_name, record

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.bundles.bundle import open_bundle, save_bundle
from cpd_model.encoder import Encoder
from cpd_model.loading import load_encoder
from training.config import Curriculum, LossChoice, RunConfig
from training.evaluation.label_figures import label_figures, label_intervals
from training.evaluation.linear import LinearChoice, evaluate_linear
from training.evaluation.views import Views

UCF_CLASSES = ("BabyCrawling", "Punch", "PushUps")
FIGHT_CLASSES = ("fight", "noFight")
TUNING_SEED = 1000
"""Of the runs that choose rates and temperatures; the tables' seeds count from 0."""

TOKEN_STEPS, TOKEN_BATCH, TEXT_RATE, JUDGED = 48, 96, 1e-4, 400
"""Of the curriculum's runs: their captions go through the whole text encoder."""

NCE = LossChoice(kind="nce", num_negatives=4096, shared_negatives=True)
INFONCE = LossChoice(kind="infonce")
SIGMOID = LossChoice(kind="sigmoid")
NCE_BANKS, USUAL = "NCE with banks", "InfoNCE in the batch"
OBJECTIVES = {
    NCE_BANKS: (NCE, (0.05, 0.07)),
    USUAL: (INFONCE, (0.05, 0.07)),
    "sigmoid, its temperature learns": (SIGMOID, (0.1,)),
}
RATES = (1e-3, 3e-3)


class Bench:
    """The tables; what one chooses, the next ones use."""

    def __init__(self, lab: Lab, *, seeds: int) -> None:
        self.lab = lab
        self.seeds = seeds
        self._tuned: dict[str, RunConfig] = {}

    def tuned(self, name: str) -> RunConfig:
        """An objective with the learning rate and temperature that served it best on one seed."""
        if name not in self._tuned:
            loss, temperatures = OBJECTIVES[name]
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
            self._tuned[name] = tried[int(np.argmax(recalls))]
            tell(f"{name}: {_words(self._tuned[name])}; recalls tried {recalls}")
        return self._tuned[name]

    def objectives(self, *, times: int = 1) -> str:
        """NCE, InfoNCE and the sigmoid loss at the same number of steps, or so many times that."""
        rows = [self._row("nothing learned: cpd-start", [self.lab.start()])]
        for name in OBJECTIVES:
            config = self.tuned(name)
            longer = replace(config, epochs=times * config.epochs)
            rows.append(self._row(f"{name} ({_words(config)})", self._seeded(longer)))
        tried = ", ".join(str(len(RATES) * len(each)) for _, each in OBJECTIVES.values())
        return self._table(
            rows,
            f"Temperature and learning rate of each were chosen among {tried} on one other seed. "
            f"The same steps for all{f', {times} times as many as said above' * (times > 1)}; "
            "seconds say what they cost.",
        )

    def longer(self) -> str:
        """The same once more, with four times the steps: memory banks fill epoch by epoch."""
        return self.objectives(times=4)

    def amount(self, *, times: int = 1) -> str:
        """The growth curve of weak supervision."""
        usual, rows = self.tuned(USUAL), []
        usual = replace(usual, epochs=times * usual.epochs)
        for parts in (8, 4, 2):
            chosen = [self.lab.train.share(parts, seed=seed) for seed in range(self.seeds)]
            found = [
                self.lab.run(replace(usual, seed=seed), part) for seed, part in enumerate(chosen)
            ]
            rows.append(self._row(f"1/{parts} of the pairs ({len(chosen[0].pairs)})", found))
        rows.append(self._row(f"all pairs ({len(self.lab.train.pairs)})", self._seeded(usual)))
        return self._table(
            rows,
            f"{USUAL}, {_words(usual)}. The same steps whatever the amount"
            f"{f', {times} times as many as said above' * (times > 1)}, each seed with its own "
            "part; smaller parts lie within larger ones.",
        )

    def growth(self) -> str:
        """The same with four times the steps, in which many pairs can be seen more than twice."""
        return self.amount(times=4)

    def sources(self) -> str:
        """One source alone, looked at by the others."""
        usual, rows = self.tuned(USUAL), []
        for name in self.lab.judges:
            part = self.lab.train.of_source(name)
            rows.append(self._row(f"{name} ({len(part.pairs)} pairs)", self._seeded(usual, part)))
        rows.append(self._row(f"all ({len(self.lab.train.pairs)} pairs)", self._seeded(usual)))
        return self._table(rows, f"{USUAL}, {_words(usual)}. The same steps for all.")

    def negatives(self) -> str:
        """K, with NCE's own best temperature and rate."""
        usual, total, rows = self.tuned(NCE_BANKS), len(self.lab.train.pairs), []
        for count in [*(count for count in (64, 512, 4096) if count < total), total]:
            config = replace(usual, loss=replace(usual.loss, num_negatives=count))
            rows.append(self._row(f"K = {count}", self._seeded(config)))
        return self._table(
            rows,
            f"NCE, {_words(usual)}, as chosen for K = {NCE.num_negatives}; the last K is N. One "
            "draw of K serves the whole batch.",
        )

    def curriculum(self) -> str:
        """When the text encoder's last layers learn."""
        usual = self.tuned(USUAL)
        epoch = len(self.lab.train.pairs) // TOKEN_BATCH
        judges = {name: part.first_captions(JUDGED) for name, part in self.lab.judges.items()}
        rows = []
        for name, unfreeze in (
            ("never: stage I alone", None),
            ("in the second half", TOKEN_STEPS / 2 / epoch),
            ("from the start", 0.0),
        ):
            config = replace(
                usual,
                data=replace(usual.data, batch_size=TOKEN_BATCH),
                optimizer=replace(usual.optimizer, warmup_epochs=6 / epoch),
                curriculum=Curriculum(
                    unfreeze_epoch=unfreeze, text_learning_rate=TEXT_RATE, text_layers=2
                ),
            )
            found = [
                self.lab.trained(
                    replace(config, seed=seed), self.lab.train, steps=TOKEN_STEPS, judges=judges
                )[0]
                for seed in range(self.seeds)
            ]
            rows.append(self._row(name, found))
        return self._table(
            rows,
            f"{USUAL}, {_words(usual)}. When the text encoder's last two layers learn, at the rate "
            f"{TEXT_RATE:g}. Captions that learn go through the whole encoder, so there are only "
            f"{TOKEN_STEPS} steps of {TOKEN_BATCH} pairs, judged by the first {JUDGED} videos of "
            "each source and their first captions: not to be compared with the other tables.",
        )

    def _seeded(self, config: RunConfig, part: Part | None = None) -> list[Found]:
        return [self.lab.run(replace(config, seed=seed), part) for seed in range(self.seeds)]

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
                        split_number=number,
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
            "L2 chosen on training videos held back by group; one clip of each video. Fight or "
            "not: 25 clips each, a quarter of them tested."
        )

    def _encoders(self, model: str, folder: Path) -> list[tuple[str, Encoder, str]]:
        found: list[tuple[str, Encoder, str]] = []
        start = load_encoder("cpd-start")
        found.append(("cpd-start, backbone features", start, "trunk"))
        found.append(("cpd-start, embedding", start, "embedding"))
        _, built = self.lab.trained(replace(self.tuned(USUAL), seed=0), self.lab.train)
        save_bundle(built.model, built.processor, folder / "trained")
        own = open_bundle(folder / "trained", name="trained", device="cpu")
        found.append(("head of these tables, embedding", own, "embedding"))
        if model != "cpd-start":
            found.append((f"{public_name(model)}, embedding", load_encoder(model), "embedding"))
        return found

    def _row(self, name: str, found: list[Found]) -> list[str]:
        cells = [name]
        for source in self.lab.judges:
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
                for source in self.lab.judges
                for figure in ("R@1", "R@5", "mean")
            ),
            "seconds",
        ]
        return f"{about}\n\n{markdown_table(header, rows)}"


def _words(config: RunConfig) -> str:
    return f"temperature {config.loss.temperature:g}, rate {config.optimizer.learning_rate:g}"


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
    "longer": "Objectives at equal steps, four times as many",
    "amount": "Amount of pairs",
    "growth": "Amount of pairs, four times the steps",
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
        + ", ".join(f"{name} {len(lab.judges[name].pairs)} videos" for name in lab.judges)
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
