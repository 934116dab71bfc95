"""Snapshots of a library of real clips: tagged, filled up, and brought back beside a search."""

from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.filters.filter import parse_filter
from index.library.add import add_videos
from index.library.library import Library
from tests.index.library.adding import make_color_library

ROOT = Path(__file__).resolve().parents[3]
UCF101 = (ROOT.parent / "shared" / "data" / "ucf101").resolve()  # a library keeps real paths
CLIPS = sorted(UCF101.glob("**/*.avi"))[:6]

pytestmark = pytest.mark.skipif(len(CLIPS) < 6, reason="no real clips here")


def test_real_clips_come_back_as_they_were(tmp_path: Path) -> None:
    encoder = ColorEncoder()
    query_D = encoder.encode_text(["red"])[0]
    with make_color_library(tmp_path / "library") as library, DecodePool(num_workers=1) as pool:
        add_videos(CLIPS[:4], library, encoder, pool, collections=["first"])
        library.metadata.set(str(CLIPS[0]), {"camera": "A7"})
        then = library.search(query_D, fingerprint=encoder.fingerprint, limit=50)
        library.snapshots.create("then")

        add_videos(CLIPS[4:], library, encoder, pool, collections=["second"])
        library.metadata.set(str(CLIPS[1]), {"camera": "A7"})
        library.remove([str(CLIPS[0])])
        later = library.search(query_D, fingerprint=encoder.fingerprint, limit=50)
        report = library.snapshots.restore("then")

        assert list(library.search(query_D, fingerprint=encoder.fingerprint, limit=50)) == list(
            then
        )
        assert tagged(library) == [CLIPS[0]]
        assert [row.name for row in library.collections.list()] == ["first"]
        assert library.verify() == []

        # What was added in between is indexed again, under ids of its own.
        again = add_videos(CLIPS, library, encoder, pool)
        assert (again.unchanged, again.added, again.failed) == (4, 2, 0)
        ids = {hit.segment_id for hit in later if hit.path in CLIPS[4:]}
        now = library.search(query_D, fingerprint=encoder.fingerprint, limit=50)
        assert ids
        assert ids.isdisjoint(hit.segment_id for hit in now)

        assert report.kept_as is not None
        library.snapshots.restore(report.kept_as, backup=False)
        assert list(library.search(query_D, fingerprint=encoder.fingerprint, limit=50)) == list(
            later
        )
        assert tagged(library) == [CLIPS[1]]


def tagged(library: Library) -> list[Path]:
    return [row.path for row in library.videos(limit=None, where=parse_filter("meta.camera=A7"))]
