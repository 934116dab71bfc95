"""Real clips and both built-in models: side by side each answers as in a library of its own."""

import shutil
from pathlib import Path

import pytest

import cpd
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.library import Library
from index.library.opening import open_for_adding
from index.reembedding.compare import Side, compare
from index.reembedding.reembed import reembed

CLIPS = ("5HAf_INrFy0_3_25.gif", "TZ860P4iTaM_15_28.gif")
QUERIES = ("a cat plays the piano", "somebody on a skateboard", "cutting vegetables")

pytestmark = pytest.mark.slow

Answer = list[tuple[str, float, float, float]]


def added(folder: Path, model: Path, clips: Path) -> Library:
    """A new library of the clips; the caller closes it."""
    library, load = open_for_adding(folder, model=str(model), device="cpu")
    with DecodePool(num_workers=2) as pool:
        assert add_videos([clips], library, load, pool).failed == 0
    return library


def answers(library: Library, encoder: cpd.Encoder) -> list[Answer]:
    """Name, times and score of the ten best moments of each query."""
    return [
        [
            (hit.path.name, hit.start_seconds, hit.stop_seconds, round(hit.score, 5))
            for hit in library.search(query_D, fingerprint=encoder.fingerprint)
        ]
        for query_D in encoder.encode_text(list(QUERIES))
    ]


def test_both_models_answer_as_in_a_library_of_their_own(
    shared_data: Path, start_bundle: Path, base_bundle: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in CLIPS:
        shutil.copyfile(shared_data / "msvd" / name, clips / name)
    start = cpd.load_encoder(start_bundle, device="cpu")
    base = cpd.load_encoder(base_bundle, device="cpu")
    with added(tmp_path / "base", base_bundle, clips) as alone:
        expected = answers(alone, base)

    with added(tmp_path / "both", start_bundle, clips) as library:
        before = answers(library, start)
        with DecodePool(num_workers=2) as pool:
            report = reembed(library, base, pool)
        with Library.open(library.folder, model_number=2) as other:
            compared = compare(Side(library, start), Side(other, base), QUERIES)
        library.models.switch(2)

        assert (report.failed, report.model.lacking) == (0, 0)
        assert answers(library, start) == before
        assert library.verify() == []
        assert 0 < compared.overlap <= 1
    with Library.open(tmp_path / "both") as switched:
        assert answers(switched, base) == expected
        switched.models.switch()
    with Library.open(tmp_path / "both") as back:
        assert answers(back, start) == before
