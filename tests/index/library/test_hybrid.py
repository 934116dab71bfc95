"""Moments and texts in one answer."""

import itertools
from typing import Any

import pytest

from index.catalog.texts import VideoText, put_texts
from index.library.library import Library
from tests.index.library.asking import ask, number_of, pages, places, write


class TestHybrid:
    @pytest.fixture
    def told(self, asked: Library) -> Library:
        """Videos 7 and 8 speak of a zeppelin, 8 of it at 5 to 6 seconds."""

        def change(connection: Any) -> None:
            title = [VideoText("title", "The great zeppelin")]
            said = [VideoText("transcript", "look, a zeppelin over there", 5.0, 6.0)]
            put_texts(connection, {8: title}, replacing=["title"])
            put_texts(connection, {9: said}, replacing=["transcript"])

        write(asked, change)
        return asked

    def test_what_texts_say_comes_first_where_they_alone_count(self, told: Library) -> None:
        found = ask(told, limit=1000, words="zeppelin", text_weight=1.0)

        assert {number_of(hit) for hit in found[:2]} == {7, 8}
        assert all(hit.text is not None for hit in found[:2])
        assert all(hit.text is None for hit in found[2:])

    def test_a_hit_tells_the_scores_of_both_sides(self, told: Library) -> None:
        found = ask(told, limit=1000, words="zeppelin", text_weight=0.5)

        moments = {h.segment_id: h.score for h in ask(told, limit=1000, merge=False)}
        assert all(hit.score == moments[hit.segment_id] for hit in found)
        values = [hit.fused_score or 0 for hit in found]
        assert values == sorted(values, reverse=True)
        spoken = next(hit for hit in found if hit.text and hit.text.kind == "transcript")
        assert spoken.start_seconds <= 6
        assert spoken.stop_seconds >= 5
        assert "zeppelin" in spoken.text.snippet
        assert spoken.as_json()["text"]["kind"] == "transcript"

    def test_a_text_far_down_among_the_moments_is_a_moment_of_its_own(self, told: Library) -> None:
        """Only the best twenty moments have a place; here none of its video does."""
        found = ask(told, limit=5, words="zeppelin", text_weight=0.9, min_score=0.99)

        spoken = {number_of(hit): hit for hit in found if hit.text}
        assert (spoken[8].start_seconds, spoken[8].stop_seconds) == (5, 6)
        best = [h for h in ask(told, limit=1000, per_video=1) if number_of(h) == 7]
        assert places([spoken[7]]) == places(best)

    def test_a_text_that_lies_about_its_time_tells_no_time_after_the_end(
        self, told: Library
    ) -> None:
        """Subtitles of another cut, or broken ones, name any second."""
        said = [VideoText("transcript", "a dirigible", 36_000_000.0, 36_000_001.0)]
        write(told, lambda catalog: put_texts(catalog, {9: said}, replacing=["transcript"]))

        found = ask(told, limit=1000, words="dirigible", text_weight=0.5)
        (spoken,) = [hit for hit in found if hit.text]

        (best,) = [h for h in ask(told, limit=1000, per_video=1) if number_of(h) == 8]
        assert places([spoken]) == places([best])

    def test_a_filter_holds_for_texts_too(self, told: Library) -> None:
        found = ask(told, limit=1000, words="zeppelin", text_weight=0.5, where="not name='7.mp4'")

        assert [number_of(hit) for hit in found if hit.text] == [8]

    def test_without_a_text_that_fits_it_is_a_plain_search(self, asked: Library) -> None:
        plain = ask(asked, limit=9)
        found = ask(asked, limit=9, words="zeppelin", text_weight=0.5)

        assert found == plain
        assert places(ask(asked, limit=9, words="zeppelin", text_weight=0.5, cursor=found.cursor))

    def test_its_pages_are_the_whole_answer(self, told: Library) -> None:
        options: dict[str, Any] = {"words": "zeppelin", "text_weight": 0.5}
        whole = list(itertools.chain(*pages(told, limit=20, **options)))

        found = list(itertools.chain(*pages(told, limit=9, **options)))

        assert places(found) == places(whole)
        assert len({hit.segment_id for hit in found}) == len(found)
