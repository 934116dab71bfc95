"""Computes the rows of the label prior: `python -m cpd_model.built_in.compute_prior`.

Axes: L classes, D dimensions of the text encoder.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cpd_model.built_in.class_prior import PRIOR_FILE, embed_classes, read_synsets
from cpd_model.built_in.start import start_text_tower


def main() -> None:
    """Compute the rows again from cpd-start's text tower, and write them into the package."""
    model, processor = start_text_tower()
    tower = model.text_tower.eval().double()

    def encode(texts: Sequence[str]) -> NDArray[np.float64]:
        rows = []
        for text in texts:
            rows.append(torch.nn.functional.normalize(tower(*processor.texts([text])), dim=-1))
        embedded: NDArray[np.float64] = torch.cat(rows).numpy()
        return embedded

    with torch.inference_mode():
        unit_LD = embed_classes(read_synsets(), encode)
    prior_LD = unit_LD - unit_LD.mean(axis=0)
    np.save(Path(__file__).parent / "data" / PRIOR_FILE, prior_LD.astype(np.float16))


if __name__ == "__main__":
    main()
