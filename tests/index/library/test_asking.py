"""What a library can be asked: filters, grouping, orders, and how it says how it went."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select

from cpd_model.errors import InputError
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.tables import CollectionRecord, CollectionVideoRecord, VideoRecord
from index.library.library import Library
from tests.index.libraries import put, unit_rows
from tests.index.library.asking import ask, number_of, places, write


class TestWhatIsSearched:
    def test_a_filter_keeps_videos(self, asked: Library) -> None:
        found = ask(asked, limit=1000, where="folder:/videos/1")

        everything = ask(asked, limit=1000)
        assert places(found) == places([h for h in everything if "/videos/1/" in str(h.path)])

    def test_a_filter_that_keeps_none_finds_none(self, asked: Library) -> None:
        assert ask(asked, where="duration>100000") == []

    def test_collections_are_a_filter(self, asked: Library) -> None:
        put_into_collection(asked, "pets", [3, 4])
        put_into_collection(asked, "cars", [4, 9])

        pets = ask(asked, limit=1000, collections=["pets"])
        both = ask(asked, limit=1000, collections=["pets", "cars"], where="not name='9.mp4'")

        assert {number_of(hit) for hit in pets} == {3, 4}
        assert {number_of(hit) for hit in both} == {3, 4}

    def test_a_filter_sees_each_change_at_once(self, asked: Library) -> None:
        put_into_collection(asked, "pets", [3])
        before = ask(asked, limit=1000, collections=["pets"])
        put_into_collection(asked, "more", [5])

        after = ask(asked, limit=1000, collections=["pets", "more"])

        assert {number_of(hit) for hit in before} == {3}
        assert {number_of(hit) for hit in after} == {3, 5}

    def test_files_with_the_same_content_are_told_once(self, asked: Library) -> None:
        with asked.writer() as writer:
            put(writer, "/copy.mp4", unit_rows(6, seed=3), content_hash=f"{3:064x}")
        everything = ask(asked, limit=1000, merge=False)

        found = ask(asked, limit=1000, merge=False, distinct=1.0)

        assert len(everything) == 31 * 6
        assert len(found) == 30 * 6

    def test_the_newest_file_comes_first(self, asked: Library) -> None:
        def set_dates(connection: Any) -> None:
            for number in range(1, 31):
                values = {"date": float(number * 7 % 31)}
                connection.execute(
                    VideoRecord.__table__.update()
                    .where(VideoRecord.__table__.c.number == number)
                    .values(values)
                )

        write(asked, set_dates)

        found = ask(asked, limit=30, per_video=1, sort="date")

        dates = [(number_of(hit) + 1) * 7 % 31 for hit in found]
        assert dates == sorted(dates, reverse=True)
        assert len(dates) == 30


def put_into_collection(library: Library, name: str, numbers: list[int]) -> None:
    def change(connection: Any) -> None:
        made = connection.execute(
            insert(CollectionRecord)
            .values(name=name, created_at=0)
            .returning(CollectionRecord.number)
        ).scalar_one()
        rows = [{"collection_number": made, "video_number": number + 1} for number in numbers]
        connection.execute(insert(CollectionVideoRecord), rows)

    write(library, change)


class TestExplaining:
    def test_it_tells_the_path_and_the_times(self, asked: Library) -> None:
        found = ask(asked, where="folder:/videos/1", distinct=0.9, explain=True)

        told = found.as_json()["explanation"]
        assert list(told) == ["path", "candidates", "widenings", "videos", "stages_ms"]
        assert told["path"] == "exact"
        assert told["candidates"] > 0
        assert told["videos"] == 10
        assert list(told["stages_ms"]) == ["filter", "moments", "distinct", "names"]

    def test_unasked_it_says_nothing(self, asked: Library) -> None:
        assert ask(asked).explanation is None
        assert "explanation" not in ask(asked).as_json()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, "the number of results must be between 1 and 10000"),
        ({"per_video": 0}, "per_video must be at least 1"),
        ({"min_score": 2.0}, "min_score must be between -1 and 1"),
        ({"distinct": float("nan")}, "distinct must be between 0 and 1"),
        ({"diversity": -0.1}, "diversity must be between 0 and 1"),
        ({"text_weight": 1.5}, "text_weight must be between 0 and 1"),
        ({"sort": "name"}, "sort is one of score, date, duration"),
        ({"where": "duration<"}, "cannot read the filter at its end"),
    ],
)
def test_an_option_out_of_its_range_is_one_sentence(
    asked: Library, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as failed:
        ask(asked, **options)

    assert said in str(failed.value)


def test_numbers_of_the_videos_are_those_of_their_names(asked: Library) -> None:
    """What the tests above rely on."""
    catalog = Catalog(asked.folder / CATALOG_NAME)
    with catalog.read_transaction() as connection:
        rows = connection.execute(select(VideoRecord.number, VideoRecord.path)).all()
    catalog.close()

    assert [row.number for row in rows] == [int(row.path.stem) + 1 for row in rows]
    assert np.array_equal(sorted(row.number for row in rows), np.arange(1, 31))
