"""Pairs of small generated videos, pictures and folders of frames, whose pixels are known."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.index.videos import moving_frames, write_video
from training.data.pair import Pair


def write_pairs(folder: Path, count: int = 8) -> list[Pair]:
    """By turns a picture, a folder of three frames and a video, each with one to three captions."""
    makers = (write_image, write_frames, write_moving)
    return [
        Pair(
            id=f"pair{number}",
            path=makers[number % 3](folder, number),
            captions=tuple(f"red {number} blue {n}" for n in range(1 + number % 3)),
        )
        for number in range(count)
    ]


def picture(seed: int, *, width: int = 44, height: int = 36) -> np.ndarray:
    """Noise (H, W, 3), uint8, coarse enough to survive scaling."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


def write_image(folder: Path, seed: int) -> Path:
    path = folder / f"image{seed}.png"
    Image.fromarray(picture(seed)).save(path)
    return path


def write_frames(folder: Path, seed: int) -> Path:
    path = folder / f"frames{seed}"
    path.mkdir()
    for number in range(3):
        Image.fromarray(picture(1000 * seed + number)).save(path / f"{number}.png")
    return path


def write_moving(folder: Path, seed: int) -> Path:
    frames = list(moving_frames(12, width=48, height=40))
    return write_video(folder / f"video{seed}.mkv", frames[seed % 4 :])
