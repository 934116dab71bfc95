"""A library of real clips whose folder moves: nothing is decoded again, and moves are followed."""

import shutil
from pathlib import Path

import pytest

from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.library.add import add_videos
from index.library.library import Library
from tests.index.fake_decoder import FakeDecoder
from tests.index.library.adding import make_color_library

ROOT = Path(__file__).resolve().parents[3]
CLIPS = sorted((ROOT.parent / "shared" / "data" / "ucf101").glob("**/*.avi"))[:6]

pytestmark = pytest.mark.skipif(len(CLIPS) < 6, reason="no real clips here")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Copies of some clips in folders of their own."""
    folder = tmp_path / "clips"
    for number, clip in enumerate(CLIPS):
        place = folder / f"day {number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy2(clip, place / clip.name)
    return folder


def test_real_clips_are_moved_collected_and_pruned(clips: Path, tmp_path: Path) -> None:
    encoder = ColorEncoder()
    with make_color_library(tmp_path / "library") as library:
        with DecodePool(num_workers=1) as pool:
            first = add_videos([clips], library, encoder, pool, collections=["all"])
        assert (first.added, first.failed) == (len(CLIPS), 0)
        ids = names(library)
        query_D = encoder.encode_text(["red"])[0]
        before = library.search(query_D, fingerprint=encoder.fingerprint, limit=5)

        # To another place, as a copy that keeps times; the old one is gone.
        elsewhere = tmp_path / "other disk" / "films"
        shutil.copytree(clips, elsewhere)
        shutil.rmtree(clips)
        assert library.roots.set("clips", elsewhere).moved == len(CLIPS)
        with FakeDecoder({}) as nothing:  # knows no file: to ask it is to fail
            again = add_videos([elsewhere], library, encoder, nothing, collections=["all"])

        assert (again.unchanged, again.added, again.updated) == (len(CLIPS), 0, 0)
        assert again.failures == []
        assert names(library) == ids
        after = library.search(query_D, fingerprint=encoder.fingerprint, limit=5)
        assert [hit.score for hit in after] == [hit.score for hit in before]
        assert all(elsewhere in hit.path.parents for hit in after)

        # One moves within the root, one goes.
        moved, gone = sorted(elsewhere.glob("*/*.avi"))[:2]
        moved.rename(elsewhere / "moved.avi")
        gone.unlink()
        with DecodePool(num_workers=1) as pool:
            last = add_videos([elsewhere], library, encoder, pool, prune=True)
        assert (last.updated, last.added) == (1, 0)
        assert last.pruned is not None
        assert [video.path for video in last.pruned.removal.removed] == [gone]
        assert names(library)["moved.avi"] == ids[moved.name]
        assert library.collections.list()[0].videos == len(CLIPS) - 1
        assert library.verify() == []


def names(library: Library) -> dict[str, str]:
    return {row.path.name: row.video_id for row in library.videos(limit=99)}
