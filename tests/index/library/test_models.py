"""Several models of one library: which one answers, what is refused, and what changes keep."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.errors import (
    IndexMismatchError,
    LibraryBusyError,
    ModelIncompleteError,
    UnknownModelError,
)
from index.library.add import add_videos
from index.library.library import Library
from index.segments import Windows
from tests.index.fake_decoder import FakeDecoder
from tests.index.libraries import flip_a_bit, part_names
from tests.index.library.adding import DURATIONS, ENCODER, add, make_color_library, search
from tests.index.reembedding.two_models import WIDE, build, windows_found


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    """Three videos, embedded by both models; colours answer."""
    with make_color_library(tmp_path / "library") as library:
        add(library, folder)
        build(library)
        yield library


def live(library: Library) -> str:
    return next(model.name for model in library.models.list() if model.answers)


def in_models(library: Library) -> list[tuple[int, int]]:
    """Of each model how many videos have its vectors, and how many lack them."""
    return [(model.videos, model.lacking) for model in library.models.list()]


def test_a_switch_lets_the_other_model_answer_whoever_opens_the_library_then(
    library: Library,
) -> None:
    before = search(library, "red")

    model = library.models.switch("wide")

    assert (model.number, model.answers) == (2, True)
    assert search(library, "red") == before
    with Library.open(library.folder) as opened:
        assert opened.settings.model == "wide"
        query_D = WIDE.encode_text(["red"])[0]
        assert len(opened.search(query_D, fingerprint=WIDE.fingerprint, merge=False)) == 6
        with pytest.raises(IndexMismatchError):
            opened.search(query_D[:4], fingerprint=ENCODER.fingerprint)


def test_one_command_leads_back(library: Library) -> None:
    library.models.switch(2)

    library.models.switch()
    assert live(library) == "color"
    library.models.switch()
    assert live(library) == "wide"


def test_there_is_no_way_back_from_the_first(library: Library) -> None:
    with pytest.raises(UnknownModelError, match="no model answered"):
        library.models.switch()


def test_a_dry_run_switches_nothing(library: Library) -> None:
    assert library.models.switch("wide", dry_run=True).number == 2

    assert live(library) == "color"


def test_a_switch_to_the_one_that_answers_changes_nothing(library: Library) -> None:
    library.models.switch("wide")

    library.models.switch("wide")

    library.models.switch()
    assert live(library) == "color"


def test_a_model_that_lacks_videos_is_refused_with_their_number_and_the_command(
    library: Library, folder: Path
) -> None:
    (folder / "moved.mp4").write_text("new")
    add(library, folder)

    with pytest.raises(ModelIncompleteError) as refused:
        library.models.switch("wide")

    assert "no vectors of 1 of 4 videos" in str(refused.value)
    assert "cpd index reembed --model wide --window 4 --hop 2" in str(refused.value)
    assert live(library) == "color"
    library.models.switch("wide", anyway=True)
    assert live(library) == "wide"
    with Library.open(library.folder) as opened:
        assert "no vectors of wide are there for 1 video," in opened.status().warnings[0]


def test_a_switch_waits_for_long_runs(library: Library) -> None:
    with library.lease(), pytest.raises(LibraryBusyError):
        library.models.switch("wide")


def test_an_add_that_waited_for_a_switch_is_refused_instead_of_found_by_nobody(
    library: Library, folder: Path
) -> None:
    library.models.switch("wide")
    (folder / "moved.mp4").write_text("new content")

    with pytest.raises(IndexMismatchError, match=r"model 2 \(wide\) answers .* run again"):
        add(library, folder)

    assert in_models(library) == [(3, 0), (3, 0)]


def test_unknown_and_ambiguous_names_are_told(library: Library) -> None:
    build(library, WIDE, windows=Windows(2, 2))

    with pytest.raises(UnknownModelError, match=r"only of 1 \(color\), 2 \(wide\)"):
        library.models.get("narrow")
    with pytest.raises(InputError, match=r"2 \(4 s every 2 s\), 3 \(2 s every 2 s\)"):
        library.models.get("wide")
    assert library.models.get("3").window_seconds == 2
    with pytest.raises(UnknownModelError, match="has no model 7"):
        Library.open(library.folder, model_number=7)


def test_a_dropped_model_leaves_nothing_and_its_number_is_never_used_again(
    library: Library,
) -> None:
    parts_before = len(part_names(library))

    with Library.open(library.folder, model_number=2) as wide:
        wide.prepare()
        assert library.models.drop(2, dry_run=True).number == 2
        assert len(library.models.list()) == 2
        dropped = library.models.drop("wide")
        with pytest.raises(IndexMismatchError):
            wide.count()

    assert dropped.videos == 3
    assert [model.name for model in library.models.list()] == ["color"]
    assert len(part_names(library)) == parts_before - 1
    assert len(search(library, "red")) == 6
    assert library.verify() == []
    build(library)
    assert [model.number for model in library.models.list()] == [1, 3]
    assert library.verify() == []


def test_the_model_that_answers_is_never_dropped(library: Library) -> None:
    with pytest.raises(InputError, match="is the one that answers"):
        library.models.drop(1)

    library.models.switch("wide")
    library.models.drop(1)
    with (
        Library.open(library.folder) as opened,
        pytest.raises(UnknownModelError, match="no model answered"),
    ):
        opened.models.switch()


def test_a_model_that_some_videos_need_is_not_dropped(library: Library, folder: Path) -> None:
    (folder / "moved.mp4").write_text("new")
    add(library, folder)
    library.models.switch("wide", anyway=True)

    with pytest.raises(ModelIncompleteError, match="1 video of the library"):
        library.models.drop("color")


def test_new_content_takes_the_vectors_of_all_models_away(library: Library, folder: Path) -> None:
    (folder / "a.mp4").write_text("quite another content")

    add(library, folder)

    assert in_models(library) == [(3, 0), (2, 1)]
    assert library.verify() == []
    build(library)
    assert in_models(library) == [(3, 0), (3, 0)]
    assert library.verify() == []


def test_moves_touches_and_copies_keep_the_vectors_of_all_models(
    library: Library, folder: Path
) -> None:
    before = windows_found(library.folder, WIDE, "red")
    (folder / "a.mp4").rename(folder / "moved.mp4")
    os.utime(folder / "b.mp4", (1, 1))
    shutil.copy(folder / "c.mp4", folder / "copy.mp4")
    decoder = FakeDecoder(DURATIONS)

    add(library, folder, decoder=decoder)

    assert in_models(library) == [(4, 0), (4, 0)]
    scores = {(name, start): score for name, start, score in before}
    found = windows_found(library.folder, WIDE, "red")
    after = {(name, start): score for name, start, score in found}
    assert after == {
        **{("moved.mp4" if name == "a.mp4" else name, at): s for (name, at), s in scores.items()},
        **{("copy.mp4", at): s for (name, at), s in scores.items() if name == "c.mp4"},
    }
    assert library.verify() == []


def test_a_copy_of_a_video_that_the_model_lacks_is_embedded(library: Library, folder: Path) -> None:
    (folder / "moved.mp4").write_text("new")
    add(library, folder)
    library.models.switch("wide", anyway=True)
    shutil.copy(folder / "moved.mp4", folder / "copy.mp4")

    with Library.open(library.folder) as opened, FakeDecoder(DURATIONS) as decoder:
        report = add_videos([folder], opened, WIDE, decoder)

    assert (report.added, report.failed, report.segments) == (1, 0, 2)
    assert in_models(library) == [(4, 1), (4, 1)]
    assert library.verify() == []


def test_damage_to_any_model_is_found_and_mended(library: Library) -> None:
    for matrix in library.folder.glob("parts/*/vectors.faiss"):
        flip_a_bit(matrix)
    assert len(library.verify()) == 2

    with library.lease() as writer:
        report = writer.repair()

    assert len(report.rebuilt) == 2
    assert report.is_whole
    assert library.verify() == []


def test_what_one_model_lost_is_taken_out_and_the_others_answer(library: Library) -> None:
    with sqlite3.connect(library.folder / "catalog.sqlite3") as connection:
        connection.execute(
            "UPDATE embeddings SET vectors = zeroblob(7), checksum = 1 "
            "WHERE video_number = 1 AND first_segment_id > 1 << 40"
        )
    connection.close()

    with library.lease() as writer:
        report = writer.repair()

    assert report.index_again == []
    assert "cpd index reembed --model wide" in report.left[0]
    assert in_models(library) == [(3, 0), (2, 1)]
    assert library.verify() == []
    assert len(search(library, "red")) == 6
    build(library)
    assert in_models(library) == [(3, 0), (3, 0)]


def test_what_is_of_no_model_is_found_and_goes(library: Library) -> None:
    with sqlite3.connect(library.folder / "catalog.sqlite3") as connection:
        connection.execute("DELETE FROM embedded_videos WHERE model_number = 2")
        connection.execute("DELETE FROM models WHERE number = 2")
    connection.close()
    assert any("belongs to no model" in said for said in library.verify())

    with library.lease() as writer:
        report = writer.repair()

    assert report.is_whole
    assert library.verify() == []
    assert len(part_names(library)) == 1
    assert len(search(library, "red")) == 6


def test_status_tells_of_all_models(library: Library) -> None:
    status = library.status()

    assert [(model.name, model.segments, model.answers) for model in status.models] == [
        ("color", 6, True),
        ("wide", 6, False),
    ]
    assert status.segments == 6


def test_compaction_reaches_all_models(library: Library, folder: Path) -> None:
    for name in ("moved.mp4", "copy.mp4"):
        (folder / name).write_text(f"content of {name}")
        add(library, folder)
        build(library)
    with library.writer() as writer:
        writer.remove_video(library.videos(limit=1)[0].video_id)

    with library.lease() as writer:
        writer.publish()
        writer.compact(whole=True)

    assert len(part_names(library)) == 2
    with Library.open(library.folder, model_number=2) as wide:
        assert [(part.rows, part.removed) for part in wide.parts()] == [(8, 0)]
    assert library.verify() == []
