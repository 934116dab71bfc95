"""Real videos of one colour each, with a manifest that says which of them teach and which test."""

import csv
from fractions import Fraction

import av
import numpy as np

from cpd_model.testing import COLORS


def write_video(path, color, *, size=(48, 32), num_frames=10):
    """A lossless second of one colour; `size` is width and height."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(10))
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        picture = np.full((size[1], size[0], 3), color, dtype=np.uint8)
        for _ in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_colors(folder, rows, *, header=("path", "label", "group", "split")):
    """A video for each (colour, brightness, label, group, part), and their manifest."""
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, (color, brightness, *cells) in enumerate(rows):
            name = f"{number}-{color}.mkv"
            write_video(folder / name, [round(value * brightness) for value in COLORS[color]])
            writer.writerow([name, *cells])
    return folder / "clips.csv"
