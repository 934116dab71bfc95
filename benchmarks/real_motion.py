"""Does a tower that learned time from moving shapes help to tell real actions?

python benchmarks/real_motion.py --tower RUN/bundle           a bundle of `cpd train synthetic`
python benchmarks/real_motion.py --tower RUN/bundle --dry-run

The linear protocol on the three UCF101 classes beside the project, by the official splits 2 and 3:
split 1 tests none of the three. Every row sees the same clips, so that only the features differ;
the 3D tower sees them scaled to its own size. Three clips of a video, for a CPU's sake; the
paper's are --views 10x3. A 3D tower of random weights stands beside the trained one: what training
on shapes added is the difference.

Axes: B clips, T frames, H height, W width, C channels, F features.
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rig.results import markdown_table, public_name, record

from cpd_model.built_in.defaults import DEFAULT_MODEL
from cpd_model.bundles.bundle import open_bundle
from cpd_model.encoder import Frames, Vectors
from cpd_model.encoders.cpd_encoder import CPDEncoder, make_encoder
from cpd_model.loading import load_encoder
from cpd_model.model import CPDModel
from training.evaluation.cache import EmbeddedPool
from training.evaluation.classifier_result import ranks_of_logits
from training.evaluation.label_figures import label_figures, label_intervals
from training.evaluation.linear import fit_on_views, mean_logits
from training.evaluation.linear_probe import log_loss
from training.evaluation.splits import Split, read_split
from training.evaluation.view_features import view_features
from training.evaluation.views import Views

CLASSES = ("BabyCrawling", "Punch", "PushUps")
SPLITS = (2, 3)
HEADER = ["features", "width", *(f"split {split}" for split in SPLITS)]


class SideBySide:
    """The features of several models on the clips of the first, next to one another.

    To the others the clips are scaled to the size that each was made for.
    """

    def __init__(self, towers: list[CPDEncoder]) -> None:
        leader = towers[0]
        self.name, self.device, self.temperature = "side by side", "cpu", leader.temperature
        self.clip_spec, self.embed_dim = leader.clip_spec, leader.embed_dim
        self.encode_video, self.encode_text = leader.encode_video, leader.encode_text
        self.towers = towers
        self.num_features = sum(tower.num_features for tower in towers)
        joined = " ".join(tower.fingerprint for tower in towers)
        self.fingerprint = hashlib.sha256(joined.encode()).hexdigest()

    def video_features(self, clips_BTHWC: Frames) -> Vectors:
        """Features (B, F) of uint8 clips (B, T, H, W, 3)."""
        parts = [tower.video_features(_scaled(clips_BTHWC, tower)) for tower in self.towers]
        joined_BF: Vectors = np.concatenate(parts, axis=1)
        return joined_BF

    def columns(self, chosen: list[CPDEncoder]) -> NDArray[np.intp]:
        """Where the features of some of the models stand."""
        stops = np.cumsum([tower.num_features for tower in self.towers])
        places = {
            id(tower): (stop - tower.num_features, stop)
            for tower, stop in zip(self.towers, stops, strict=True)
        }
        return np.concatenate([np.arange(*places[id(tower)]) for tower in chosen])


def _scaled(clips_BTHWC: Frames, tower: CPDEncoder) -> Frames:
    batch, frames = clips_BTHWC.shape[:2]
    size = tower.clip_spec.frame_size
    if clips_BTHWC.shape[2:4] == (size, size):
        return clips_BTHWC
    flat_NCHW = torch.from_numpy(clips_BTHWC).flatten(0, 1).permute(0, 3, 1, 2).float()
    small_NCHW = torch.nn.functional.interpolate(
        flat_NCHW, size=(size, size), mode="bilinear", antialias=True
    )
    small_NHWC = small_NCHW.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    clips: Frames = small_NHWC.reshape(batch, frames, size, size, 3).contiguous().numpy()
    return clips


def main() -> None:
    """Measure and record; without the clips, say so and leave."""
    options = _options()
    manifest = options.data / "manifest.csv"
    if not manifest.is_file():
        print(
            f"real_motion: skipped, no real clips at {options.data}; name their folder with "
            "CPD_SHARED_DATA"
        )
        return
    start = load_encoder(options.model, device="cpu")
    trained = open_bundle(options.tower, name="shapes", device="cpu")
    assert isinstance(start, CPDEncoder)
    others = [("3D tower, trained on moving shapes", trained)] + [
        (f"3D tower, random weights, seed {seed}", _untrained(options.tower, seed))
        for seed in range(options.seeds)
    ]
    name = public_name(options.model)
    candidates = [
        (name, [start]),
        *((label, [tower]) for label, tower in others),
        *((f"{name} and {label}", [start, tower]) for label, tower in others),
    ]
    joined = SideBySide([start, *(tower for _, tower in others)])
    splits = _splits(manifest)
    videos = sorted({video.path for split in splits for video in (*split.train, *split.test)})
    pool = view_features(videos, joined, views=options.views, source="trunk")
    rows = []
    for label, towers in candidates:
        columns = joined.columns(towers)
        some = EmbeddedPool(
            embeddings={path: rows_VF[:, columns] for path, rows_VF in pool.embeddings.items()},
            reasons=pool.reasons,
        )
        rows.append([label, str(len(columns)), *(_accuracy(split, some) for split in splits)])
    record(
        "Real motion, UCF101",
        f"{_protocol(splits, options.views, start)}\n\n{markdown_table(HEADER, rows)}",
        **({"results": None} if options.dry_run else {}),
    )


def _splits(manifest: Path) -> list[Split]:
    return [read_split(manifest, number=number, classes=CLASSES) for number in SPLITS]


def _accuracy(split: Split, pool: EmbeddedPool) -> str:
    """Top-1 with its 95 % interval, and the log loss."""
    classifier, _, _ = fit_on_views(
        split.learned(pool.embeddings.keys()), pool, num_classes=len(split.class_names)
    )
    logits_VC = mean_logits(classifier, split.test, pool)
    classes = [video.label for video in split.test]
    ranks_V = ranks_of_logits(logits_VC, split.test)
    groups = [video.group for video in split.test]
    low, high = label_intervals(ranks_V, classes, groups_V=groups)["top1"]
    top1 = label_figures(ranks_V, classes)["top1"]
    return f"{top1:.3f} ({low:.3f} to {high:.3f}), {log_loss(logits_VC, classes):.3f}"


def _protocol(splits: list[Split], views: Views, start: CPDEncoder) -> str:
    sizes = "; ".join(
        f"split {split.number}: {len(split.train)} train and {len(split.test)} test videos"
        for split in splits
    )
    spec = start.clip_spec
    return (
        f"{', '.join(CLASSES)}; {sizes}. Logistic regression on frozen features, L2 chosen on "
        f"training videos held back by group; {views} views (clips x crops) of each video, "
        f"{spec.num_frames} frames each, the same for every row; mean logits over views. Top-1 "
        "with its 95 % interval (groups resampled), then log loss (guessing: 1.099)."
    )


def _untrained(bundle: Path, seed: int) -> CPDEncoder:
    """The same network with random weights."""
    from cpd_model.bundles.bundle import open_model

    model, processor = open_model(bundle)
    torch.manual_seed(seed)
    return make_encoder(
        CPDModel(model.cpd_config),
        processor,
        name=f"random {seed}",
        fingerprint=hashlib.sha256(f"random {seed} {model.cpd_config}".encode()).hexdigest(),
    )


def _options() -> argparse.Namespace:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tower", type=Path, required=True, help="bundle of a synthetic run")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--views", type=Views.parse, default=Views(3, 1))
    parser.add_argument("--seeds", type=int, default=3, help="draws of random weights")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
