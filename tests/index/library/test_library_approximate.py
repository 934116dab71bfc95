"""A library whose large part is searched approximately, and says so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index.catalog.records import LibrarySettings
from index.cli.printing import print_hits
from index.library.library import Library
from tests.index.libraries import flip_a_bit, put
from tests.index.vectors.clustered import EMBED_DIM, clustered_rows

SETTINGS = LibrarySettings(
    model="color", fingerprint="c0" * 32, embed_dim=EMBED_DIM, window_seconds=4, hop_seconds=2
)
NUM_VIDEOS, NUM_SEGMENTS = 20, 50


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 segments in one part of kind ivf, and one video that is newer."""
    folder = tmp_path_factory.mktemp("approximate") / "library"
    rows_ND = clustered_rows(NUM_VIDEOS * NUM_SEGMENTS).astype(np.float32)
    with Library.create(folder, SETTINGS) as library, library.writer() as writer:
        for number, rows_SD in enumerate(np.split(rows_ND, NUM_VIDEOS)):
            put(writer, f"/{number}.mp4", rows_SD)
        writer.publish(index_kind="ivf")
        put(writer, "/newer.mp4", rows_ND[:3])
    return folder


@pytest.fixture
def library(tmp_path: Path, template: Path) -> Iterator[Library]:
    with Library.open(shutil.copytree(template, tmp_path / "library")) as library:
        yield library


def the_index(library: Library) -> Path:
    (path,) = library.folder.glob("parts/*/index.faiss")
    return path


def queries(number: int) -> np.ndarray:
    rows_QD = clustered_rows(NUM_VIDEOS * NUM_SEGMENTS)[::12][:number].astype(np.float32)
    noise_QD = np.random.default_rng(1).standard_normal(rows_QD.shape).astype(np.float32)
    return rows_QD + 0.1 * noise_QD


def found_by(library: Library, query_D: np.ndarray) -> set[int]:
    hits = library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=10, merge=False)
    return {hit.segment_id for hit in hits}


def test_the_status_tells_that_search_is_approximate_and_how_good(library: Library) -> None:
    status = library.status()

    assert not status.exact
    assert status.recall is not None
    assert status.recall >= 0.98


def test_each_search_tells_that_it_is_approximate_and_how_good(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hits = library.search(queries(1)[0], fingerprint=SETTINGS.fingerprint, limit=3)

    assert (hits.exact, hits.recall, hits.complete) == (False, library.status().recall, True)
    print_hits(hits)
    assert f"approximate search: it finds {hits.recall:.1%} of the best" in capsys.readouterr().out

    with Library.open(shutil.copytree(library.folder, tmp_path / "exact")) as copy:
        with copy.writer() as writer:
            writer.compact(index_kind="exact", whole=True)
        exact = copy.search(queries(1)[0], fingerprint=SETTINGS.fingerprint, limit=3)
    assert (exact.exact, exact.recall, exact.complete) == (True, None, True)
    print_hits(exact)
    assert "approximate" not in capsys.readouterr().out


def test_it_finds_what_exact_search_finds_and_scores_it_alike(
    library: Library, tmp_path: Path
) -> None:
    copy = shutil.copytree(library.folder, tmp_path / "exact")
    with Library.open(copy) as exact:
        with exact.writer() as writer:
            assert writer.compact(index_kind="exact", whole=True) == 1
        assert exact.status().exact

        pairs = [(found_by(library, query_D), found_by(exact, query_D)) for query_D in queries(80)]
        query_D = queries(1)[0]
        ours = library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=1)
        theirs = exact.search(query_D, fingerprint=SETTINGS.fingerprint, limit=1)

    assert np.mean([len(ours & theirs) / 10 for ours, theirs in pairs]) >= 0.97
    assert (ours[0].score, ours[0].start_seconds) == (theirs[0].score, theirs[0].start_seconds)


def test_removed_videos_are_not_found(library: Library) -> None:
    query_D = queries(1)[0]
    best = library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=1)[0]
    with library.writer() as writer:
        writer.remove_video(best.video_id)

    hits = library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=50, merge=False)

    assert best.video_id not in {hit.video_id for hit in hits}
    assert len(hits) == 50


def test_it_agrees_with_its_catalog_and_is_merged_with_what_is_newer(library: Library) -> None:
    assert library.verify() == []
    with library.writer() as writer:
        assert writer.publish()
        assert writer.compact(index_kind="ivf", whole=True) == 1

    assert library.verify() == []
    with Library.open(library.folder) as reader:
        status = reader.status()
        assert (status.parts, status.exact, status.tail_segments) == (1, False, 0)


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_index_is_done_without_and_made_anew(library: Library, damage) -> None:  # type: ignore[no-untyped-def]
    damage(the_index(library))
    query_D = queries(1)[0]

    with Library.open(library.folder) as reader:
        assert len(found_by(reader, query_D)) == 10
        assert "index.faiss" in reader.status().warnings[0]
    with library.writer() as writer:
        assert writer.publish(index_kind="ivf")

    assert library.verify() == []
    with Library.open(library.folder) as reader:
        assert not reader.status().exact
        assert reader.status().warnings == []


def test_a_part_that_cannot_be_approximated_well_enough_stays_exact(tmp_path: Path) -> None:
    """Where nobody insists; here because it is small."""
    with Library.create(tmp_path, SETTINGS) as library, library.writer() as writer:
        put(writer, "/a.mp4", clustered_rows(200))
        writer.publish()

        assert library.status().exact
