"""Does adapting to a few captioned clips help on clips that it did not see?

python benchmarks/adapt.py                  the default model; appends to RESULTS.md
python benchmarks/adapt.py --model cpd-start --dry-run --set optimizer.learning_rate=1e-3
"""

import argparse
import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rig.results import markdown_table, public_name, record

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.bundles.bundle import open_model
from cpd_model.encoder import FrameEncoder, Vectors
from cpd_model.encoders.cpd_encoder import make_encoder
from cpd_model.loading import find_model
from cpd_model.zero_shot import read_class_names, spoken_label
from training.adapt.adaptation import Adaptation
from training.adapt.folds import plan_trials
from training.adapt.pairs import AdaptPairs, caption_kinds
from training.config import DataChoice, RunConfig
from training.data.pair import Pair
from training.evaluation.metrics import bootstrap_interval, pessimistic_ranks
from training.features.frame_features import frame_table
from training.features.frame_table import FrameTable
from training.features.frozen_towers import FrozenTowers
from training.recipes import adapt
from training.run.settings import apply_settings

FOLDS = 5
SHOTS = (1, 3, 5)
DRAWS = 3
SPLIT = 1
"""UCF101's official split 2, by place: all clips of the three classes here train in split 1."""

CLASSES = ("BabyCrawling", "PushUps", "Punch")


class Clips(NamedTuple):
    """All real clips, and what the frozen backbone says of their frames."""

    rows: list[dict[str, str]]
    pairs: list[Pair]
    """Of each clip, with its caption or its label, or none."""

    table: FrameTable


def main() -> None:
    """Measure and record; without the clips, say so and leave."""
    options = _options()
    if not (options.data / "manifest.csv").is_file():
        print(f"adapt: skipped, no real clips at {options.data}; name them with CPD_SHARED_DATA")
        return
    config = apply_settings(adapt(), [f"model.start={options.model}", *options.settings])
    clips = _read_clips(options.data, options.model)
    names = read_class_names((options.data / "labels" / "ucf101_classInd.txt").read_text("utf-8"))
    sections = [_captions_section(clips, config), _labels_section(clips, names, config)]
    note = (
        "Before is the start, after what `cpd train adapt` made of the clips that it was given; "
        "the figures are of clips that it was not given. A clip is one vector of 8 frames over all "
        "of it. Intervals: percentile bootstrap over the queries, 2000 resamples; "
        "of the difference, over the same queries."
    )
    changed = f" Settings: {', '.join(options.settings)}." if options.settings else ""
    record(
        f"Adapting {public_name(options.model)} to few clips",
        "\n\n".join([*sections, note + changed]),
        **({"results": None} if options.dry_run else {}),
    )


def _captions_section(clips: Clips, config: RunConfig) -> str:
    captioned = [item for item, row in enumerate(clips.rows) if row["caption"]]
    order = np.random.default_rng(0).permutation(len(captioned))
    before, after, kept = [], [], 0
    for fold in range(FOLDS):
        tested = [captioned[at] for at in order[fold::FOLDS]]
        given = [clips.pairs[item] for item in captioned if item not in tested]
        adaptation = _adapted(given, config)
        kept += not adaptation.course.best.candidate.weight
        for found, encoder in zip((before, after), _encoders(adaptation), strict=True):
            texts_QD = encoder.encode_text([clips.rows[item]["caption"] for item in tested])
            scores_QV = texts_QD @ _videos(clips, encoder).T
            found.append(pessimistic_ranks(scores_QV, tested))
        print(f"fold {fold}: {adaptation.course.sentence()}", flush=True)
    ranks = np.concatenate(before), np.concatenate(after)
    figures: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        **{f"R@{k}": lambda some, k=k: (some <= k).astype(np.float64) for k in (1, 5, 10)},
        "MRR": lambda some: 1 / some,
    }
    rows = [_row(name, figure(ranks[0]), figure(ranks[1])) for name, figure in figures.items()]
    return (
        f"**Captions.** {len(captioned)} captioned clips, {FOLDS} folds (each clip is a group of "
        f"its own): each fold's captions search all {len(clips.rows)} clips after adapting to the "
        f"other folds. In {kept} of {FOLDS} folds the start was kept.\n\n"
        + markdown_table(["figure", "before", "after", "difference"], rows)
    )


def _labels_section(clips: Clips, names: list[str], config: RunConfig) -> str:
    part = [row["split"].split("/")[SPLIT] if "/" in row["split"] else "" for row in clips.rows]
    known = [row["label"] in CLASSES and "ucf101" in row["path"] for row in clips.rows]
    tested = [item for item in range(len(part)) if known[item] and part[item] == "test"]
    given = [item for item in range(len(part)) if known[item] and part[item] == "train"]
    truth = [names.index(clips.rows[item]["label"]) for item in tested]
    three = [names.index(name) for name in CLASSES]
    rows = []
    for shots in SHOTS:
        found: dict[str, list[NDArray[np.float64]]] = {}
        kept = 0
        for draw in range(DRAWS):
            chosen = _shots(clips, given, shots, seed=draw)
            adaptation = _adapted([clips.pairs[item] for item in chosen], config)
            kept += not adaptation.course.best.candidate.weight
            for when, encoder in zip(("before", "after"), _encoders(adaptation), strict=True):
                labels_LD = encoder.encode_text([spoken_label(name) for name in names])
                scores_VL = _videos(clips, encoder)[tested] @ labels_LD.T
                hit = pessimistic_ranks(scores_VL, truth) <= 1
                found.setdefault(f"{when} 101", []).append(hit.astype(np.float64))
                hit = pessimistic_ranks(scores_VL[:, three], [three.index(t) for t in truth]) <= 1
                found.setdefault(f"{when} 3", []).append(hit.astype(np.float64))
            print(f"{shots} shots, draw {draw}: {adaptation.course.sentence()}", flush=True)
        for ways in ("101", "3"):
            mean = [np.mean(found[f"{when} {ways}"], axis=0) for when in ("before", "after")]
            rows.append([*_row(f"{shots} a class, {ways}-way", *mean), f"{kept} of {DRAWS}"])
    header = ["clips, classes", "before", "after", "difference", "start kept"]
    return (
        f"**Labels as captions.** UCF101, official split 2: {DRAWS} draws of 1, 3 or 5 training "
        f"clips of each of {', '.join(CLASSES)}, tested on its {len(tested)} test clips by the "
        "label's words, among all 101 class names and among the three; a clip counts by the mean "
        "over the draws.\n\n" + markdown_table(header, rows)
    )


def _shots(clips: Clips, given: list[int], shots: int, *, seed: int) -> list[int]:
    random = np.random.default_rng([seed, shots])
    chosen: list[int] = []
    for name in CLASSES:
        own = [item for item in given if clips.rows[item]["label"] == name]
        chosen += random.choice(own, size=shots, replace=False).tolist()
    return chosen


def _adapted(given: list[Pair], config: RunConfig) -> Adaptation:
    trials = plan_trials(caption_kinds(given), [pair.id for pair in given], seed=config.seed)
    adaptation = Adaptation(AdaptPairs("", given, [], "", trials), config)
    adaptation.prepare()
    adaptation.learn()
    return adaptation


def _encoders(adaptation: Adaptation) -> Iterator[FrameEncoder]:
    """The start's, then the result's."""
    for model, processor in (open_model(adaptation.start), adaptation.result()):
        encoder = make_encoder(model, processor, name="", fingerprint="")
        assert isinstance(encoder, FrameEncoder)
        yield encoder


def _videos(clips: Clips, encoder: FrameEncoder) -> Vectors:
    """Vectors of all clips; NaN where one cannot be read."""
    videos_VD = np.full((len(clips.rows), encoder.embed_dim), np.nan, dtype=np.float32)
    readable = np.flatnonzero(clips.table.readable())
    videos_VD[readable] = encoder.pool_frames(clips.table.features_of(readable).astype(np.float32))
    return videos_VD


def _row(name: str, before: NDArray[np.float64], after: NDArray[np.float64]) -> list[str]:
    def shown(values: NDArray[np.float64], sign: str = "") -> str:
        low, high = bootstrap_interval(
            len(values), lambda items: float(values[items].mean()), seed=20_240_601
        )
        return f"{values.mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"

    return [name, shown(before), shown(after), shown(after - before, "+")]


def _read_clips(data: Path, model: str) -> Clips:
    with (data / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = [
        Pair(
            id=row["path"],
            path=data.absolute() / row["path"],
            captions=(row["caption"] or spoken_label(row["label"]) or "-",),
        )
        for row in rows
    ]
    start, processor = open_model(find_model(model))
    towers = FrozenTowers(start, processor)
    table = frame_table(pairs, towers, data=DataChoice(max_bad_fraction=1.0))
    return Clips(rows, pairs, table)


def _options() -> argparse.Namespace:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(min(2, torch.get_num_threads()))
    main()
