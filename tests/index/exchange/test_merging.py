"""Merging libraries: the result holds and answers what one library of all files would."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.catalog.embeddings import put_vectors
from index.catalog.reads import number_of
from index.catalog.records import LibrarySettings
from index.catalog.taking_in import take_in_names
from index.errors import IndexMismatchError
from index.exchange.merging import merge_libraries
from index.library.library import Library
from index.library.model_building import begin_building, finish_building
from tests.index.exchange.contents import answers, contents
from tests.index.exchange.rich import put_rich, tag
from tests.index.libraries import SETTINGS, file_version, unit_rows, windows


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Two libraries, of /0 and /2, and of /1 and /3; /9 failed."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for part, folder in enumerate(folders):
        with Library.create(folder, SETTINGS) as library:
            with library.writer() as writer:
                ids = [put_rich(writer, f"/{i}.mp4", i) for i in (part, part + 2)]
                writer.publish()
            tag(library, ids[0], "holiday", user={"stars": part})
    with Library.open(folders[1]) as library, library.writer() as writer:
        writer.put_failure(file_version("/9.mp4"), reason="no frames")
    return folders


def test_merged_shards_hold_what_they_held(shards: list[Path], tmp_path: Path) -> None:
    report = merge_libraries(tmp_path / "whole", shards)

    with Library.open(tmp_path / "whole") as whole:
        with Library.open(shards[0]) as first, Library.open(shards[1]) as second:
            expected = contents(first) | contents(second)
        assert contents(whole) == expected
        assert whole.verify() == []
        assert whole.status().parts == 1
        assert len(answers(whole, 1)) == 12
        assert answers(whole, 1)[0][0] == "/1.mp4"
    assert (report.added, report.segments, report.lacking) == (5, 12, [])


def test_merging_again_changes_nothing(shards: list[Path], tmp_path: Path) -> None:
    merge_libraries(tmp_path / "whole", shards)
    before = (tmp_path / "whole" / "catalog.sqlite3").read_bytes()

    report = merge_libraries(tmp_path / "whole", shards)

    assert (report.added, report.updated, report.unchanged, report.segments) == (0, 0, 5, 0)
    with Library.open(tmp_path / "whole") as whole:
        assert len(whole.videos(limit=None)) == 4
    assert (tmp_path / "whole" / "catalog.sqlite3").read_bytes() == before


def test_one_file_in_two_libraries_is_one_video_that_has_what_both_say(tmp_path: Path) -> None:
    ids = []
    for name, user in (
        ("a", {"stars": 1, "gps": {"lat": 1}}),
        ("b", {"stars": 2, "gps": {"lon": 2}}),
    ):
        with Library.create(tmp_path / name, SETTINGS) as library:
            with library.writer() as writer:
                ids.append(put_rich(writer, "/0.mp4", 0))
            tag(library, ids[-1], name, user=user)

    report = merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged:
        (video,) = contents(merged).values()
    assert (report.added, report.updated) == (0, 1)
    assert video["video_id"] == ids[0]
    assert video["collections"] == ["a", "b"]
    assert video["documents"]["user"] == {"stars": 1, "gps": {"lat": 1, "lon": 2}}


def test_the_same_bytes_at_two_paths_are_two_videos(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        with Library.create(tmp_path / name, SETTINGS) as library, library.writer() as writer:
            ids.append(put_rich(writer, f"/{name}.mp4", 0))

    merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged:
        assert {row.path.name: row.video_id for row in merged.videos(limit=None)} == {
            "a.mp4": ids[0],
            "b.mp4": ids[1],
        }


@pytest.mark.parametrize(("mtime_here", "mtime_there", "seed"), [(1, 2, 5), (2, 1, 0), (1, 1, 0)])
def test_of_two_states_of_a_file_the_newer_counts(
    mtime_here: int, mtime_there: int, seed: int, tmp_path: Path
) -> None:
    for name, number, mtime_ns in (("a", 0, mtime_here), ("b", 5, mtime_there)):
        with Library.create(tmp_path / name, SETTINGS) as library, library.writer() as writer:
            put_rich(writer, "/0.mp4", number, mtime_ns=mtime_ns)

    merge_libraries(tmp_path / "a", [tmp_path / "b"])
    again = merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged:
        (video,) = merged.videos(limit=None)
        assert video.content_hash == f"{seed:064x}"
        assert answers(merged, seed)[0][2] == pytest.approx(1, abs=1e-3)
        assert merged.verify() == []
    assert again.added + again.updated == 0


@pytest.mark.parametrize("failed", ["a", "b"])
def test_an_indexed_video_counts_before_a_failure(failed: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Library.create(tmp_path / name, SETTINGS) as library, library.writer() as writer:
            if name == failed:
                writer.put_failure(file_version("/0.mp4", mtime_ns=9), reason="no frames")
            else:
                put_rich(writer, "/0.mp4", 0)

    merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged:
        assert len(merged.videos(limit=None)) == 1
        assert merged.failures() == []
        assert merged.verify() == []


def test_a_video_that_moved_since_a_copy_was_made_moves_along(tmp_path: Path) -> None:
    with Library.create(tmp_path / "a", SETTINGS) as library, library.writer() as writer:
        video_id = put_rich(writer, "/old.mp4", 0)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with Library.open(tmp_path / "b") as library, library.writer() as writer:
        writer.move_video(video_id, file_version("/new.mp4", content_hash=f"{0:064x}"))

    merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged:
        assert [(str(v.path), v.video_id) for v in merged.videos(limit=None)] == [
            ("/new.mp4", video_id)
        ]


def test_roots_and_empty_collections_come_along(tmp_path: Path) -> None:
    for name, place in (("a", "/here"), ("b", "/there")):
        with Library.create(tmp_path / name, SETTINGS) as library:
            with library._catalog.write_transaction() as transaction:
                take_in_names(
                    transaction.connection,
                    roots={"videos": Path(place)},
                    collections=["Empty"] if name == "b" else [],
                )
            with library.writer() as writer:
                put_rich(writer, f"{place}/{name}.mp4", 0)

    merge_libraries(tmp_path / "a", [tmp_path / "b"])

    with Library.open(tmp_path / "a") as merged, merged.whole_videos() as whole:
        assert whole.roots == {"videos": Path("/here"), "videos-2": Path("/there")}
        assert whole.collections == ["Empty"]


def test_a_library_of_another_model_is_refused_and_nothing_is_merged(
    shards: list[Path], tmp_path: Path
) -> None:
    other = replace(SETTINGS, fingerprint="ff" * 32, model="other")
    Library.create(tmp_path / "other", other).close()

    with pytest.raises(IndexMismatchError, match="cannot be compared"):
        merge_libraries(tmp_path / "whole", [shards[0], tmp_path / "other"])

    assert not (tmp_path / "whole").exists()


def test_a_library_is_not_merged_into_itself(shards: list[Path]) -> None:
    with pytest.raises(InputError, match="into itself"):
        merge_libraries(shards[0], [shards[0]])


def test_vectors_of_all_models_that_both_have_come_along(tmp_path: Path) -> None:
    other = replace(SETTINGS, fingerprint="dd" * 32, model="other")
    for name, has_other in (("a", True), ("b", True), ("c", False)):
        with Library.create(tmp_path / name, SETTINGS) as library:
            with library.writer() as writer:
                put_rich(writer, f"/{name}.mp4", ord(name))
            if has_other:
                embed_by_another(library, other, seed=ord(name) + 50)

    both = merge_libraries(tmp_path / "a", [tmp_path / "b"])
    one = merge_libraries(tmp_path / "c", [tmp_path / "b"])

    assert (both.segments, both.models_left) == (6, [])
    assert (one.segments, one.models_left) == (3, ["other (dddddddddddd)"])
    with Library.open(tmp_path / "a", model_number=2) as merged:
        query_D = unit_rows(3, seed=ord("b") + 50)[1]
        (hit,) = merged.search(query_D, fingerprint=other.fingerprint, limit=1, merge=False)
        assert (str(hit.path), hit.start_seconds) == ("/b.mp4", 2)
        assert merged.verify() == []
        assert merged.status().tail_segments == 0


def embed_by_another(library: Library, model: LibrarySettings, *, seed: int) -> None:
    """Give the library's one video vectors of a second model, which is ready then."""
    settings = begin_building(library.catalog, model)
    (row,) = library.videos(limit=None)
    with library.catalog.write_transaction() as transaction:
        put_vectors(
            transaction,
            number_of(transaction.connection, row.video_id),
            segments=windows(3),
            embeddings_SD=unit_rows(3, seed=seed),
            model_number=settings.model_number,
        )
    finish_building(library.catalog, settings)


@settings(max_examples=4, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9)),
        min_size=1,
        max_size=10,
        unique_by=lambda p: p[0],
    ),
    cuts=st.lists(st.integers(0, 2), min_size=10, max_size=10),
)
def test_shards_answer_as_one_library_does(
    places: list[tuple[int, int]], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever videos go into whatever shard, those of the same bytes too."""
    folder = tmp_path_factory.mktemp("merge")
    shards = [folder / str(i) for i in range(3)]
    with Library.create(folder / "twin", SETTINGS) as twin, twin.writer() as writer:
        for path, seed in places:
            put_rich(writer, f"/{path}.mp4", seed)
    for number, shard in enumerate(shards):
        with Library.create(shard, SETTINGS) as library, library.writer() as writer:
            for (path, seed), cut in zip(places, cuts, strict=False):
                if cut == number:
                    put_rich(writer, f"/{path}.mp4", seed)

    merge_libraries(folder / "whole", shards)

    with Library.open(folder / "whole") as whole, Library.open(folder / "twin") as twin:
        assert contents(whole, with_ids=False) == contents(twin, with_ids=False)
        assert answers(whole, 3) == answers(twin, 3)
