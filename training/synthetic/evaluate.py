"""How well a model tells generated films by their captions, and by the order of time alone.

Axes: V clips, M captions, D shared space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpd_model.encoder import Frames
from cpd_model.model import CPDModel
from cpd_model.processor import CPDProcessor
from training.synthetic.films import Canvas, Scene, all_scenes, draw_clips, held_out_scenes

_CHUNK = 64
"""Clips that are embedded at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticResult:
    """Shares of the clips, in [0, 1]."""

    recall_at_1: float
    """The right caption beats the 191 others; ties count against the model."""

    time_order: float
    """The right caption beats that of the same frames in another order; ties are half right.
    A bag of frames is at 0.5."""

    word_order: float
    """The right caption beats that of its two ways swapped, which after a turn single frames can
    tell: the corner lies elsewhere."""

    color: float
    """The best caption names the right colour."""

    shape: float
    ways: float
    """Both, in their order."""

    num_clips: int


def evaluate_synthetic(
    model: CPDModel,
    processor: CPDProcessor,
    *,
    scenes: Sequence[Scene] | None = None,
    clips_per_scene: int = 20,
    seed: int = 0,
) -> SyntheticResult:
    """Find the captions of new clips among all 192; the model comes back in its mode.

    Args:
        scenes: whose clips are asked about; None: those held out. Closed under twins, or a bag
            of frames need not be at 0.5.
        seed: of the clips; none of them is ever trained on.
    """
    asked = [scene for scene in scenes or held_out_scenes() for _ in range(clips_per_scene)]
    candidates = all_scenes()
    was_training = model.training
    model.train(False)
    with torch.inference_mode():
        text_MD = _embed_texts(model, processor, [scene.caption for scene in candidates])
        video_VD = _embed_clips(model, processor, asked, seed)
        scores_VM = (video_VD @ text_MD.T).float().cpu().numpy()
    model.train(was_training)
    return _result(scores_VM, asked, candidates)


def _result(
    scores_VM: NDArray[np.float32], asked: Sequence[Scene], candidates: Sequence[Scene]
) -> SyntheticResult:
    place = {scene: index for index, scene in enumerate(candidates)}
    rows_V = np.arange(len(asked))

    def scores_of(scenes: Sequence[Scene]) -> NDArray[np.float32]:
        chosen_V: NDArray[np.float32] = scores_VM[rows_V, [place[scene] for scene in scenes]]
        return chosen_V

    own_V = scores_of(asked)
    others_VM = scores_VM.copy()
    others_VM[rows_V, [place[scene] for scene in asked]] = -np.inf
    found = [candidates[index] for index in scores_VM.argmax(axis=1)]
    matches = list(zip(found, asked, strict=True))
    return SyntheticResult(
        recall_at_1=float(np.mean(own_V > others_VM.max(axis=1))),
        time_order=_share_won(own_V, scores_of([scene.twin for scene in asked])),
        word_order=_share_won(own_V, scores_of([scene.swapped for scene in asked])),
        color=float(np.mean([one.color == other.color for one, other in matches])),
        shape=float(np.mean([one.shape == other.shape for one, other in matches])),
        ways=float(np.mean([one[2:] == other[2:] for one, other in matches])),
        num_clips=len(asked),
    )


def _share_won(own_V: NDArray[np.float32], other_V: NDArray[np.float32]) -> float:
    return float(np.mean((own_V > other_V) + 0.5 * (own_V == other_V)))


def _embed_texts(model: CPDModel, processor: CPDProcessor, texts: Sequence[str]) -> Tensor:
    tokens = processor.texts(list(texts))
    return model.encode_text(*(part.to(model.device) for part in tokens))


def _embed_clips(
    model: CPDModel, processor: CPDProcessor, scenes: Sequence[Scene], seed: int
) -> Tensor:
    chunks = []
    for start in range(0, len(scenes), _CHUNK):
        clips_BTSSC = held_back_clips(
            processor, scenes, range(start, min(start + _CHUNK, len(scenes))), seed
        )
        chunks.append(
            model.encode_video(processor.clips(torch.from_numpy(clips_BTSSC).to(model.device)))
        )
    return torch.cat(chunks)


def held_back_clips(
    processor: CPDProcessor, scenes: Sequence[Scene], rows: range, seed: int
) -> Frames:
    """Clips (B, T, S, S, 3) of rows of a test: the same every time, none of them trained on."""
    spec = processor.clip_spec
    return draw_clips(
        [scenes[row] for row in rows],
        [np.random.default_rng([seed, row, _TEST]) for row in rows],
        Canvas(num_frames=spec.num_frames, frame_size=spec.frame_size),
    )


_TEST = 2**32
"""Last part of the seed; in training that is a pair, and there are never so many."""
