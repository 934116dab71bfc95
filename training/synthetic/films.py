"""Generated pairs that only time tells apart: `red square moves left then up`, drawn on demand.

A colour, a shape and two different ways to move make a scene, 192 in all. Nothing but the scene is
in the caption; place, size, speed, background and noise are drawn anew for each clip.

Films of two scenes can show the same frames in another order. The scene whose film that is, is a
scene's `twin`: no bag of frames can tell them apart. The `swapped` scene has the ways in the other
order; after a turn its corner lies elsewhere, which single frames can give away.

    left then up    A <- S        its twin         ^ S         its swap   E <- A
                    |             down then right  |           up then         |
                    E                              A -> E      left            S
    (S start, A turn, E end; the first picture upside down)

Axes: B clips, T frames, S rows or columns of pixels, C channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from cpd_model.encoder import Frames
from cpd_model.processor import CPDProcessor
from training.data.batch import Batch, BatchOrder

Floats = NDArray[np.float32]

COLORS = {
    "red": (230, 50, 45),
    "green": (55, 200, 75),
    "blue": (65, 95, 240),
    "yellow": (235, 220, 60),
}
SHAPES = ("square", "circle", "triangle", "cross")
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
"""Columns and rows that a step of one pixel adds."""

_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
_FAMILIES = (
    (("left", "right"), ("right", "left")),
    (("up", "down"), ("down", "up")),
    (("left", "up"), ("up", "left"), ("down", "right"), ("right", "down")),
    (("left", "down"), ("down", "left"), ("up", "right"), ("right", "up")),
)
"""Pairs of ways; twins and swaps stay inside a family."""


class Scene(NamedTuple):
    """What a caption says."""

    color: str
    shape: str
    first: str
    second: str

    @property
    def caption(self) -> str:
        return f"{self.color} {self.shape} moves {self.first} then {self.second}"

    @property
    def swapped(self) -> Self:
        """The same words in the other order."""
        return self._replace(first=self.second, second=self.first)

    @property
    def twin(self) -> Self:
        """The scene whose films show the same frames in another order."""
        if self.second == _OPPOSITE[self.first]:
            return self.swapped
        return self._replace(first=_OPPOSITE[self.second], second=_OPPOSITE[self.first])


def all_scenes() -> list[Scene]:
    """The 192 scenes, always in this order."""
    return [
        Scene(color, shape, *ways)
        for color in COLORS
        for shape in SHAPES
        for family in _FAMILIES
        for ways in family
    ]


def is_held_out(scene: Scene) -> bool:
    """Whether a scene is kept for the test: 24 are, among them every word, and all their twins and
    swaps, so that no answer is more likely for having been seen."""
    color, shape = list(COLORS).index(scene.color), SHAPES.index(scene.shape)
    family = next(
        index for index, ways in enumerate(_FAMILIES) if (scene.first, scene.second) in ways
    )
    return color % 2 == family % 2 and shape == (color + family // 2) % len(SHAPES)


def training_scenes() -> list[Scene]:
    """The 168 that are learned from."""
    return [scene for scene in all_scenes() if not is_held_out(scene)]


def held_out_scenes() -> list[Scene]:
    """The 24 that are not; see `is_held_out`."""
    return [scene for scene in all_scenes() if is_held_out(scene)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """The size of clips."""

    num_frames: int
    """Even: half of them show the first way."""

    frame_size: int
    """Height and width in pixels."""

    def __post_init__(self) -> None:
        if self.num_frames < 2 or self.num_frames % 2:
            raise ValueError(f"num_frames must be even, got {self.num_frames}")


def draw_clips(
    scenes_B: Sequence[Scene], randoms_B: Sequence[np.random.Generator], canvas: Canvas
) -> Frames:
    """A clip of each scene: uint8 (B, T, S, S, 3); all that a caption leaves open is random.

    The whole way lies inside the picture, at any place with the same probability. A frame shows
    the middle of its part of the time; the turn is halfway.
    """
    shape = (canvas.num_frames, canvas.frame_size, canvas.frame_size, 3)
    clips_BTSSC = np.empty((len(scenes_B), *shape), dtype=np.uint8)
    chosen_BK = np.stack([random.random(8, dtype=np.float32) for random in randoms_B])
    radius_B = canvas.frame_size * (0.10 + 0.06 * chosen_BK[:, 0])
    length_B = canvas.frame_size * (0.30 + 0.20 * chosen_BK[:, 1])
    centre_BT2 = _centres(scenes_B, chosen_BK[:, 2:4], radius_B, length_B, canvas)
    inside_BTSS = _inside(scenes_B, centre_BT2, radius_B, canvas.frame_size)[..., None]
    brightness_B1 = 0.85 + 0.15 * chosen_BK[:, 4:5]
    ink_BC = np.array([COLORS[scene.color] for scene in scenes_B], np.float32) * brightness_B1
    paper_BC = 90 * chosen_BK[:, 5:8]
    for row, random in enumerate(randoms_B):
        picture_TSSC = paper_BC[row] + inside_BTSS[row] * (ink_BC[row] - paper_BC[row])
        # below 25 added, so at most 255
        noise_TSSC = random.integers(0, 25, shape, dtype=np.uint8)
        np.add(picture_TSSC.astype(np.uint8), noise_TSSC, out=clips_BTSSC[row])
    return clips_BTSSC


def _centres(
    scenes_B: Sequence[Scene],
    place_B2: Floats,
    radius_B: Floats,
    length_B: Floats,
    canvas: Canvas,
) -> Floats:
    """Column and row of the shape's middle in each frame, (B, T, 2)."""
    ways_B22 = np.array([(WAYS[s.first], WAYS[s.second]) for s in scenes_B], dtype=np.float32)
    done_T = (np.arange(canvas.num_frames, dtype=np.float32) + 0.5) / canvas.num_frames
    progress_T2 = np.stack([np.minimum(2 * done_T, 1), np.maximum(2 * done_T - 1, 0)], axis=1)
    offsets_BT2 = length_B[:, None, None] * np.einsum("tl,blx->btx", progress_T2, ways_B22)
    corners_B32 = length_B[:, None, None] * np.cumsum(
        np.concatenate([np.zeros_like(ways_B22[:, :1]), ways_B22], axis=1), axis=1
    )
    low_B2 = radius_B[:, None] - corners_B32.min(axis=1)
    high_B2 = canvas.frame_size - radius_B[:, None] - corners_B32.max(axis=1)
    start_B2 = low_B2 + place_B2 * (high_B2 - low_B2)
    centres_BT2: Floats = start_B2[:, None] + offsets_BT2
    return centres_BT2


def _inside(scenes_B: Sequence[Scene], centre_BT2: Floats, radius_B: Floats, size: int) -> Floats:
    """How much of each pixel the shape covers, (B, T, S, S), by its distance from the edge."""
    pixel_S = np.arange(size, dtype=np.float32) + 0.5
    covered_BTSS = np.empty((*centre_BT2.shape[:2], size, size), dtype=np.float32)
    for row, (scene, radius) in enumerate(zip(scenes_B, radius_B, strict=True)):
        x_T1S = (pixel_S - centre_BT2[row, :, :1])[:, None, :]
        y_TS1 = (pixel_S - centre_BT2[row, :, 1:])[:, :, None]
        covered_BTSS[row] = 0.5 - _beyond_edge(scene.shape, x_T1S, y_TS1, radius)
    return np.clip(covered_BTSS, 0, 1, out=covered_BTSS)


def _beyond_edge(shape: str, x_T1S: Floats, y_TS1: Floats, radius: np.float32) -> Floats:
    """Pixels from a shape's edge, negative inside; no shape reaches further than its radius."""
    side_x, side_y = np.abs(x_T1S), np.abs(y_TS1)
    beyond_TSS: Floats
    if shape == "square":
        beyond_TSS = np.maximum(side_x, side_y) - 0.85 * radius
    elif shape == "circle":
        beyond_TSS = np.sqrt(side_x**2 + side_y**2) - radius
    elif shape == "triangle":
        slope = (2 * side_x - y_TS1 - radius) / np.float32(np.sqrt(5))
        beyond_TSS = np.maximum(slope, y_TS1 - radius)
    else:
        bar = radius / 3
        lying = np.maximum(side_x - radius, side_y - bar)
        standing = np.maximum(side_x - bar, side_y - radius)
        beyond_TSS = np.minimum(lying, standing)
    return beyond_TSS


class SyntheticPairs:
    """An endless PairStream: one pair for each training scene, with a new clip at every step."""

    def __init__(self, processor: CPDProcessor, order: BatchOrder) -> None:
        """Clips of the processor's size.

        Raises:
            ValueError: the order is not of the training scenes.
        """
        self._scenes = training_scenes()
        if order.num_items != len(self._scenes):
            raise ValueError(
                f"order must be of the {len(self._scenes)} training scenes, "
                f"got {order.num_items} items"
            )
        spec = processor.clip_spec
        self._canvas = Canvas(num_frames=spec.num_frames, frame_size=spec.frame_size)
        self._texts = processor.texts([scene.caption for scene in self._scenes])
        self._order = order

    @property
    def num_items(self) -> int:
        return self._order.num_items

    def batches(self, first_step: int, stop_step: int) -> Iterator[Batch]:
        """The batches of steps [first_step, stop_step), in order."""
        for step in range(first_step, stop_step):
            items_B = self._order.items(step)
            clips_BTSSC = draw_clips(
                [self._scenes[item] for item in items_B],
                [self._order.random(step, int(item)) for item in items_B],
                self._canvas,
            )
            rows_B = torch.from_numpy(items_B)
            texts = type(self._texts)(*(part[rows_B] for part in self._texts))
            yield Batch(items_B=rows_B, video=torch.from_numpy(clips_BTSSC), text=texts)


def synthetic_tokenizer() -> Any:
    """One token for each word of the captions, lower case."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    from cpd_model.made_tokenizers import SPECIAL_TOKENS, finished_tokenizer

    words = [*SPECIAL_TOKENS, *COLORS, *SHAPES, "moves", "then", *WAYS]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return finished_tokenizer(tokenizer)
