"""Does a tower that learned time from moving shapes help to tell real actions?

python benchmarks/real_motion.py --tower RUN/bundle           a bundle of `cpd train synthetic`
python benchmarks/real_motion.py --tower RUN/bundle --dry-run

The linear protocol on the UCF101 clips beside the project, official split 1: the same clips for
every row, so that only the features differ. The 3D tower sees them scaled to its own size. A 3D
tower of random weights stands beside it: what training on shapes added is the difference.

Axes: B clips, T frames, H height, W width, C channels, F features.
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from results import markdown_table, public_name, record

from cpd_model.bundle import open_bundle
from cpd_model.cpd_encoder import CPDEncoder, make_encoder
from cpd_model.defaults import DEFAULT_MODEL
from cpd_model.encoder import Encoder, Frames, Vectors
from cpd_model.loading import load_encoder
from cpd_model.model import CPDModel
from training.evaluate_linear import LinearChoice, evaluate_linear
from training.view_features import TrunkEncoder
from training.views import Views

HEADER = ["features", "width", "top-1", "95 % interval", "mean per class"]


class JoinedTowers:
    """The features of several models, side by side, on the clips of the first.

    Those of the others are computed on the same clips, scaled to the size that each was made for.
    """

    def __init__(self, leader: Encoder, towers: list[CPDEncoder], name: str) -> None:
        self.name = name
        self.clip_spec = leader.clip_spec
        self.device, self.temperature, self.embed_dim = "cpu", leader.temperature, leader.embed_dim
        self._leader, self._towers = leader, towers
        joined = " ".join([leader.fingerprint, *(tower.fingerprint for tower in towers)])
        self.fingerprint = hashlib.sha256(joined.encode()).hexdigest()

    @property
    def num_features(self) -> int:
        return sum(tower.num_features for tower in self._towers)

    def video_features(self, clips_BTHWC: Frames) -> Vectors:
        """Features (B, F) of uint8 clips (B, T, H, W, 3)."""
        parts = [
            tower.video_features(
                clips_BTHWC if tower is self._leader else _scaled(clips_BTHWC, tower)
            )
            for tower in self._towers
        ]
        joined_BF: Vectors = np.concatenate(parts, axis=1)
        return joined_BF

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        return self._leader.encode_video(clips_BTHWC)

    def encode_text(self, texts: list[str]) -> Vectors:
        return self._leader.encode_text(texts)

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        """Never called: it makes this a FrameEncoder, whose views have the leader's frame size."""
        raise AssertionError("the linear protocol asks for clips alone")

    pool_frames = encode_frames


def _scaled(clips_BTHWC: Frames, tower: CPDEncoder) -> Frames:
    batch, frames = clips_BTHWC.shape[:2]
    size = tower.clip_spec.frame_size
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
    leader = load_encoder(options.model, device="cpu")
    trained = open_bundle(options.tower, name="shapes", device="cpu")
    assert isinstance(leader, CPDEncoder)
    assert isinstance(trained, CPDEncoder)
    untrained = [_untrained(options.tower, seed) for seed in range(options.seeds)]
    name = public_name(options.model)
    candidates = [
        (name, [leader]),
        ("3D tower, trained on moving shapes", [trained]),
        *((f"3D tower, random weights, seed {n}", [tower]) for n, tower in enumerate(untrained)),
        (f"{name} and the trained 3D tower", [leader, trained]),
        *(
            (f"{name} and random weights, seed {n}", [leader, tower])
            for n, tower in enumerate(untrained)
        ),
    ]
    choice = LinearChoice(split=1, views=options.views)
    rows, protocol = [], ""
    for label, towers in candidates:
        joined = JoinedTowers(leader, towers, label)
        assert isinstance(joined, TrunkEncoder)
        result = evaluate_linear(manifest, joined, choice=choice)
        figures = result.as_json()
        low, high = result.as_json()["intervals"]["top1"]  # type: ignore[index]
        rows.append(
            [
                label,
                str(joined.num_features),
                f"{figures['top1']:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{figures['mean_per_class']:.3f}",
            ]
        )
        protocol = protocol or result.protocol
    text = f"{protocol}\n\n{markdown_table(HEADER, rows)}"
    record("Real motion, UCF101", text, **({"results": None} if options.dry_run else {}))


def _untrained(bundle: Path, seed: int) -> CPDEncoder:
    """The same network with random weights."""
    from cpd_model.bundle import open_model

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
    parser.add_argument("--views", type=Views.parse, default=Views(10, 3))
    parser.add_argument("--seeds", type=int, default=3, help="draws of random weights")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("CPD_SHARED_DATA", beside))
    )
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
