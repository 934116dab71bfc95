"""Towers of the paper's size and videos to load, made up: for speed and memory only sizes count."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from cpd_model.encoders.progress_bars import no_progress_bars
from cpd_model.made_tokenizers import tiny_tokenizer
from training.config import RunConfig
from training.data.pair import Pair
from training.recipes import kinetics210k


def paper_sized(scratch: Path) -> RunConfig:
    """The paper's towers, with a DistilBERT of random weights: the sizes count here alone."""
    from transformers import DistilBertConfig, DistilBertModel

    folder = scratch / "distilbert"
    with no_progress_bars():
        DistilBertModel(DistilBertConfig()).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    config = kinetics210k()
    return replace(config, model=replace(config.model, text_start=str(folder)))


def at_size(config: RunConfig, pixels: int, batch_size: int) -> RunConfig:
    """The same run on clips and batches of another size."""
    sides = {"frame_size": pixels, "short_side": pixels * 8 // 7}
    return replace(
        config,
        model=replace(config.model, changes=sides),
        data=replace(config.data, batch_size=batch_size),
    )


def textured_pairs(scratch: Path, *, count: int) -> list[Pair]:
    """Pairs over two videos of ten seconds in which a grainy texture moves."""
    paths = []
    for number in range(2):
        random = np.random.default_rng(number)
        coarse = random.integers(0, 256, (44, 54, 3), dtype=np.uint8)
        picture = np.kron(coarse, np.ones((8, 8, 1), dtype=np.uint8))
        path = scratch / f"moving-{number}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 340, 256, "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "23"}
            for index in range(300):
                moved = np.roll(picture, (index, 2 * index), axis=(0, 1))[:256, :340]
                grain = random.integers(0, 6, moved.shape, dtype=np.uint8)
                frame = np.clip(moved.astype(np.int16) + grain, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        paths.append(path)
    return [
        Pair(id=str(number), path=paths[number % 2], captions=("a moving texture",))
        for number in range(count)
    ]
