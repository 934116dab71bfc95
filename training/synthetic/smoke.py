"""A few videos with captions for a first run: squares of one colour that move one way.

Axes: T frames, H height, W width.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training.run.pairs import RunPairs
from training.run.source import ListedPairs

_COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
_WAYS = {"right": (0, 4), "left": (0, -4), "down": (4, 0), "up": (-4, 0)}
_PIXELS = 48
_SQUARE = 14
_NUM_FRAMES = 6


class SmokePairs(ListedPairs):
    """A PairSource whose videos are drawn into their folder when they are first read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "pairs.jsonl")

    def read(self, *, on_message: Callable[[str], None]) -> RunPairs:
        if not self.source.is_file():
            make_smoke_pairs(self.source.parent)
        return super().read(on_message=on_message)


def make_smoke_pairs(folder: Path) -> Path:
    """Write 16 folders of frames and the list of them; a few kilobytes each, the same every time.

    Every fourth is of the split val.

    Returns:
        The list, `pairs.jsonl`.
    """
    rows = []
    for color_index, (color, rgb) in enumerate(_COLORS.items()):
        for way_index, (way, move_HW) in enumerate(_WAYS.items()):
            name = f"{color}-{way}"
            _draw(folder / name, rgb, move_HW)
            split = "val" if way_index == color_index else "train"
            caption = f"a {color} square moves {way}"
            rows.append({"path": name, "caption": caption, "split": split})
    source = folder / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return source


def _draw(folder: Path, rgb: tuple[int, int, int], move_HW: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    middle = (_PIXELS - _SQUARE) // 2
    for index in range(_NUM_FRAMES):
        offset = index - _NUM_FRAMES // 2
        top, left = (middle + offset * move for move in move_HW)
        frame_HWC = np.zeros((_PIXELS, _PIXELS, 3), dtype=np.uint8)
        frame_HWC[max(top, 0) : top + _SQUARE, max(left, 0) : left + _SQUARE] = rgb
        Image.fromarray(frame_HWC).save(folder / f"{index:02d}.png")
