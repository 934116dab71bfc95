"""Two models asked the same: what they have in common, by hand."""

from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.errors import IndexMismatchError
from index.library.library import Library
from index.reembedding.compare import Side, compare, overlap
from index.reembedding.queries import queries_of_file, stored_queries
from index.search.moments import Hit
from index.segments import Windows
from tests.index.library.adding import ENCODER
from tests.index.reembedding.two_models import WIDE, build


def hit(video: str, start: float, stop: float) -> Hit:
    return Hit(start, stop, segment_id=1, video_id=video, path=Path(video), score=0.5)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], 1.0),
        ([hit("a", 0, 4)], [], 0.0),
        ([hit("a", 0, 4)], [hit("a", 2, 6)], 1.0),
        ([hit("a", 0, 4)], [hit("a", 2.1, 6.1)], 0.0),
        ([hit("a", 0, 4)], [hit("b", 0, 4)], 0.0),
        ([hit("a", 0, 4), hit("b", 0, 4)], [hit("b", 0, 40), hit("a", 1, 2)], 1.0),
        ([hit("a", 0, 4), hit("a", 4, 8)], [hit("a", 0, 8)], 0.5),
    ],
)
def test_overlap_by_hand(first: list[Hit], second: list[Hit], expected: float) -> None:
    assert overlap(first, second) == expected
    assert overlap(second, first) == expected


def test_the_same_model_with_the_same_windows_agrees_with_itself(library: Library) -> None:
    with Library.open(library.folder) as again:
        compared = compare(Side(library, ENCODER), Side(again, ENCODER), ["red", "blue"])

    assert compared.overlap == 1
    assert [query.overlap for query in compared.queries] == [1, 1]
    assert compared.live.encode_ms > 0
    assert compared.live.search_ms > 0


def test_each_side_answers_by_its_own_model(library: Library) -> None:
    build(library, WIDE, windows=Windows(2, 1))
    with Library.open(library.folder, model_number=2) as wide:
        compared = compare(Side(library, ENCODER), Side(wide, WIDE), ["red"])
        with pytest.raises(IndexMismatchError):
            Side(wide, ENCODER)

    (query,) = compared.queries
    assert (compared.live.model.number, compared.other.model.number) == (1, 2)
    assert 0 < query.overlap <= 1
    content = compared.as_json()
    assert list(content) == ["overlap_at_10", "live", "other", "queries"]
    assert content["other"]["segments"] == 15


def test_a_library_is_asked_for_its_captions_and_titles_or_else_for_names(
    library: Library,
) -> None:
    names = stored_queries(library)
    library.metadata.set([row.path for row in library.videos(limit=2)], {"caption": "a red kite"})
    said = stored_queries(library)

    assert (sorted(names.texts), names.source) == (["a", "b", "c"], "names of files")
    assert (said.texts, said.source) == (["a red kite"], "captions and titles")


def test_a_file_of_queries_has_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("a dog\n\n  a cat \n")

    assert queries_of_file(file).texts == ["a dog", "a cat"]
    file.write_text("\n")
    with pytest.raises(InputError, match="there is no query"):
        queries_of_file(file)
    with pytest.raises(InputError, match="cannot read the queries"):
        queries_of_file(tmp_path / "none.txt")
