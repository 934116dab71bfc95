"""Real clips and the default model: what a person asks for is found, however it is asked."""

import csv
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import cpd

FOLDERS = ("kinetics_samples", "msvd")
CAT, PIANO_CAT = "5HAf_INrFy0_3_25", "TZ860P4iTaM_15_28"


@pytest.fixture(scope="module")
def library(
    shared_data: Path, base_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[cpd.Library]:
    """Seventeen clips, one of them twice, with their captions where they have some."""
    folder = tmp_path_factory.mktemp("real")
    for name in FOLDERS:
        shutil.copytree(shared_data / name, folder / "clips" / name)
    shutil.copyfile(shared_data / "msvd" / f"{CAT}.gif", folder / "clips" / "copy.gif")
    with cpd.open(folder / "library", model=base_bundle, device="cpu") as library:
        assert library.add(folder / "clips").added == 18
        captions = captions_of(shared_data)
        for video in library:
            if caption := captions.get(video.path.name):
                library.metadata.set(video.video_id, {"caption": caption})
        yield library


def captions_of(shared_data: Path) -> dict[str, str]:
    with (shared_data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return {Path(row["path"]).name: row["caption"] for row in csv.DictReader(file)}


def names(hits: cpd.Hits) -> list[str]:
    return [hit.path.stem for hit in hits]


pytestmark = pytest.mark.slow


def test_a_text_and_its_mixture_find_the_clip(library: cpd.Library) -> None:
    plain = library.search("skateboarding", per_video=1, limit=3)
    mixed = library.search("skateboarding:1, -swimming pool:0.3", per_video=1, limit=3)

    assert "mmskeleton_skateboarding" in names(plain)
    assert "mmskeleton_skateboarding" in names(mixed)


def test_a_clip_leads_to_its_copy_and_to_itself(library: cpd.Library, shared_data: Path) -> None:
    """By the file that lies elsewhere, too, which is read for that."""
    from_elsewhere = library.search(like=shared_data / "msvd" / f"{CAT}.gif", per_video=1, limit=2)

    assert set(names(from_elsewhere)) == {CAT, "copy"}
    assert from_elsewhere[0].score > 0.9


def test_copies_are_told_once(library: cpd.Library) -> None:
    every = names(library.search("a cat", limit=100, per_video=1))
    distinct = names(library.search("a cat", limit=100, per_video=1, distinct=1.0))

    assert {CAT, "copy"} <= set(every)
    assert len({CAT, "copy"} & set(distinct)) == 1
    assert len(every) == len(distinct) + 1 == 18


def test_words_of_captions_bring_up_what_pictures_do_not_tell(library: cpd.Library) -> None:
    found = library.search("tortilla tortillas", text_weight=0.9, limit=4)

    captions = [hit.text.snippet for hit in found if hit.text is not None]
    assert len(captions) >= 2
    assert all("tortilla" in caption for caption in captions)


def test_filters_and_texts_and_groups_together(library: cpd.Library) -> None:
    found = library.search(
        "a cat", where="folder:msvd and has:caption", text_weight=0.5, per_video=1, limit=2
    )

    assert set(names(found)) == {CAT, PIANO_CAT}
    assert found.cursor is not None


@pytest.mark.parametrize(
    "options",
    [{}, {"distinct": 0.9}, {"sort": "duration", "min_score": 0.0}, {"diversity": 0.5}],
    ids=str,
)
def test_pages_are_the_whole_answer(library: cpd.Library, options: dict[str, float]) -> None:
    whole = library.search("a person", limit=1000, **options)  # type: ignore[call-overload]
    pages, cursor = [], None
    while True:
        page = library.search("a person", limit=5, cursor=cursor, **options)  # type: ignore[call-overload]
        pages.append(page)
        if (cursor := page.cursor) is None:
            break

    assert list(itertools.chain(*pages)) == whole
    assert len(whole) >= 15


def test_a_segment_finds_itself_first(library: cpd.Library) -> None:
    hit = library.search("a man plays basketball", limit=1, merge=False, explain=True)

    found = library.search(like=f"segment:{hit[0].segment_id}", limit=1, merge=False)

    assert found[0].segment_id == hit[0].segment_id
    assert hit.explanation is not None
    assert hit.explanation.path == "exact"
