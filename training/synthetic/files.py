"""Generated pairs as files, for whoever wants to see them or to read them as a user's own."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from cpd_model.encoder import Frames
from training.synthetic.films import Canvas, draw_clips, held_out_scenes, training_scenes


def write_synthetic(folder: Path, canvas: Canvas, *, clips_per_scene: int, seed: int = 0) -> Path:
    """Write a folder of frames for each clip, and the list of them; 5 KB a frame of 48 pixels.

    Training scenes are of the split train, held-out ones of the split val; the files are the same
    for the same arguments.

    Returns:
        The list, `pairs.csv` in the folder.
    """
    source = folder / "pairs.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with source.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "caption", "split"])
        for split, scenes in (("train", training_scenes()), ("val", held_out_scenes())):
            for number, scene in enumerate(scenes):
                names = [f"{split}/{'-'.join(scene)}-{clip}" for clip in range(clips_per_scene)]
                randoms = [
                    np.random.default_rng([seed, number, clip]) for clip in range(clips_per_scene)
                ]
                for name, clip_TSSC in zip(
                    names, draw_clips([scene] * clips_per_scene, randoms, canvas), strict=True
                ):
                    _write_frames(folder / name, clip_TSSC)
                    table.writerow([name, scene.caption, split])
    return source


def _write_frames(folder: Path, clip_TSSC: Frames) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame_SSC in enumerate(clip_TSSC):
        Image.fromarray(frame_SSC).save(folder / f"{index:02d}.png")
