"""Pages of an answer, and what a cursor leads to."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from cpd_model.errors import InputError
from index.library.library import Library
from index.search.moments import Hit
from tests.index.libraries import axis, make_library
from tests.index.library.asking import ask, number_of, pages, places, put_numbered

ORDERS: list[dict[str, Any]] = [
    {},
    {"merge": False},
    {"per_video": 1},
    {"merge": False, "per_video": 2},
    {"min_score": 0.3},
    {"where": "folder:/videos/1"},
    {"distinct": 0.8},
    {"diversity": 0.5},
    {"sort": "date", "min_score": 0.2},
    {"sort": "duration"},
    {"distinct": 0.9, "per_video": 1, "diversity": 0.3, "where": "not folder:/videos/0"},
]


class TestPages:
    @pytest.mark.parametrize("options", ORDERS, ids=str)
    def test_pages_are_the_whole_answer(self, asked: Library, options: dict[str, Any]) -> None:
        whole = ask(asked, limit=1000, **options)

        found = list(pages(asked, limit=7, **options))

        assert places(itertools.chain(*found)) == places(whole)
        assert whole.cursor is None
        assert len(whole) > 7
        assert {len(page) for page in found[:-1]} == {7}

    @pytest.mark.parametrize("options", ORDERS, ids=str)
    def test_pages_do_not_notice_what_is_added_and_leave_out_what_is_removed(
        self, asked: Library, options: dict[str, Any]
    ) -> None:
        whole = ask(asked, limit=1000, **options)
        doomed = [whole[0], whole[-1], whole[len(whole) // 2]]
        found: list[Hit] = []
        gone: set[str] = set()
        expected: list[Hit] = []

        with asked.writer() as writer:
            for number, page in enumerate(pages(asked, limit=4, **options)):
                found += page
                expected += [
                    h for h in whole[4 * number : 4 * number + 4] if h.video_id not in gone
                ]
                if options.keys() & {"distinct", "diversity", "sort"}:
                    assert places(found) == places(expected)
                put_numbered(writer, 100 + number, seed=1000)
                if doomed and (victim := doomed.pop()).video_id not in gone:
                    gone.add(victim.video_id)
                    writer.remove_video(victim.video_id)
                if number % 5 == 4:
                    writer.publish()

        assert places([h for h in found if h.video_id not in gone]) == places(
            [h for h in whole if h.video_id not in gone]
        )

    def test_a_video_that_was_indexed_again_drops_out(self, asked: Library) -> None:
        whole = ask(asked, limit=1000, sort="duration")
        first = ask(asked, limit=5, sort="duration")
        again = whole[-1]

        with asked.writer() as writer:
            put_numbered(writer, number_of(again), seed=77)
        rest = ask(asked, limit=1000, sort="duration", cursor=first.cursor)

        changed = {again.segment_id} | {h.segment_id for h in whole if h.video_id == again.video_id}
        assert places(rest) == places([h for h in whole[5:] if h.segment_id not in changed])

    @pytest.mark.parametrize("options", ORDERS, ids=str)
    def test_another_process_goes_on_where_nothing_changed(
        self, asked: Library, options: dict[str, Any]
    ) -> None:
        whole = ask(asked, limit=1000, **options)
        first = ask(asked, limit=5, **options)

        with Library.open(asked.folder) as other:
            second = ask(other, limit=5, cursor=first.cursor, **options)

        assert places(second) == places(whole[5:10])

    def test_another_process_goes_on_from_score_to_score_whatever_changed(
        self, asked: Library
    ) -> None:
        whole = ask(asked, limit=1000)
        first = ask(asked, limit=5)
        with asked.writer() as writer:
            put_numbered(writer, 100, seed=1000)
            writer.publish()
            writer.compact(whole=True)

        with Library.open(asked.folder) as other:
            second = ask(other, limit=5, cursor=first.cursor)

        assert places(second) == places(whole[5:10])

    def test_pages_may_differ_in_size(self, asked: Library) -> None:
        whole = ask(asked, limit=1000)

        first = ask(asked, limit=3)
        second = ask(asked, limit=20, cursor=first.cursor)

        assert places(second) == places(whole[3:23])


class TestCursorsThatLeadNowhere:
    def refused(self, library: Library, cursor: str | None, **options: Any) -> str:
        with pytest.raises(InputError) as failed:
            ask(library, cursor=cursor, **options)
        assert len(str(failed.value).splitlines()) == 1
        return str(failed.value)

    @pytest.mark.parametrize(
        "other", [{"min_score": 0.1}, {"query_D": axis(1)}, {"where": "folder:/videos/1"}], ids=str
    )
    def test_one_of_another_question(self, asked: Library, other: dict[str, Any]) -> None:
        cursor = ask(asked, limit=3).cursor

        assert "of another query" in self.refused(asked, cursor, limit=3, **other)

    def test_one_of_another_library(self, asked: Library, tmp_path: Path) -> None:
        cursor = ask(asked, limit=3).cursor

        with make_library(tmp_path / "other", num_videos=3) as other:
            assert "of another library" in self.refused(other, cursor, limit=3)

    def test_one_of_another_history(self, asked: Library, tmp_path: Path) -> None:
        """A backup counts the same generations again."""
        backup = shutil.copytree(asked.folder, tmp_path / "backup")
        with asked.writer() as writer:
            put_numbered(writer, 50)
        cursor = ask(asked, limit=3).cursor

        with Library.open(backup) as restored:
            with restored.writer() as writer:
                put_numbered(writer, 51)
            assert "was restored from a backup" in self.refused(restored, cursor, limit=3)

    @pytest.mark.parametrize("cursor", ["", "nonsense", "%%%", "A" * 150, "\N{SNOWMAN}"])
    def test_one_that_no_search_gave(self, asked: Library, cursor: str) -> None:
        assert "the cursor is none that a search gave" in self.refused(asked, cursor)

    def test_one_with_a_letter_wrong(self, asked: Library) -> None:
        cursor = ask(asked, limit=3).cursor or ""

        for at in (0, 40, len(cursor) - 1):
            wrong = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
            assert "the cursor is none that a search gave" in self.refused(asked, wrong, limit=3)

    def test_an_order_that_cannot_be_gone_on_with(self, asked: Library) -> None:
        cursor = ask(asked, limit=3, diversity=0.5).cursor
        with asked.writer() as writer:
            put_numbered(writer, 50)

        with Library.open(asked.folder) as other:
            said = self.refused(other, cursor, limit=3, diversity=0.5)

        assert "the library has changed since the page before" in said
