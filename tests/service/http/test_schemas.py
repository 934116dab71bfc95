"""What is accepted and what is sent, at its limits."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from index.label import LabelledSegment, LabelScore
from service.core.labels import Classification
from service.core.search import SearchAnswer
from service.http.schemas.labels import ClassifyResponse, LabelRequest, StoredLabelRequest
from service.http.schemas.search import SearchRequest, SearchResponse
from service.http.schemas.videos import Video
from tests.service.fakes import DOG_HIT, DOG_ID, video_row


def test_a_query_is_stripped() -> None:
    assert SearchRequest(query="  a dog ").query == "a dog"


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": "   "},
        {"query": "\u001c"},
        {"query": " \u001f\u2003\n"},
        {"query": "x" * 501},
        {"query": "dog", "limit": 0},
        {"query": "dog", "limit": 101},
        {"query": "dog", "k": 3},
        {"query": 3},
        {},
    ],
    ids=str,
)
def test_a_search_that_cannot_be_meant_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchRequest.model_validate(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": []},
        {"labels": ["alone"]},
        {"labels": ["a", " "]},
        {"labels": ["a", "\u001c"]},
        {"labels": ["run", "Run"]},
        {"labels": ["a", "b"], "top": 0},
        {"labels": ["a", "b"], "templates": ["without a place"]},
        {"labels": ["a", "b"], "templates": []},
        {"labels": [f"label {i}" for i in range(1001)]},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_labels_that_cannot_be_weighed_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LabelRequest.model_validate(fields)


@pytest.mark.parametrize("video_id", ["", "../../etc/passwd", "a b", "x" * 65])
def test_an_id_that_is_none_is_refused(video_id: str) -> None:
    with pytest.raises(ValidationError):
        StoredLabelRequest(video_id=video_id, labels=["a", "b"])


def test_a_hit_carries_everything_that_is_needed_to_show_it() -> None:
    answer = SearchAnswer("fake", [DOG_HIT], 0.0, 0.0)

    (hit,) = SearchResponse.of("a dog", answer).hits

    assert hit.model_dump() == {
        "video_id": DOG_ID,
        "path": "/videos/dog.mp4",
        "start_seconds": 12.0,
        "stop_seconds": 18.0,
        "score": 0.5,
        "segment_id": 7,
        "thumbnail_url": f"/v1/videos/{DOG_ID}/thumbnail?at_seconds=15.000",
        "media_url": f"/v1/videos/{DOG_ID}/media",
        "preview_url": f"/v1/videos/{DOG_ID}/preview?start_seconds=12.000&stop_seconds=18.000",
    }


def test_a_file_name_that_is_no_utf8_can_be_sent() -> None:
    """Paths are bytes on Linux; a lone surrogate cannot be written as JSON."""
    hit = replace(DOG_HIT, path=Path("/videos/caf\udce9.mp4"))

    response = SearchResponse.of("x", SearchAnswer("fake", [hit], 0.0, 0.0))
    video = Video.of(video_row(DOG_ID, "/videos/caf\udce9.mp4"))

    assert "caf" in response.model_dump_json()
    assert "caf" in video.model_dump_json()


def test_a_timeline_is_sent_only_where_it_was_asked_for() -> None:
    scores = [LabelScore("run", 0.75), LabelScore("swim", 0.25)]

    def sent(timeline: list[LabelledSegment] | None) -> ClassifyResponse:
        answer = Classification(
            model="fake", path="x", video_id=None, labels=scores, timeline=timeline, note=None
        )
        return ClassifyResponse.of(answer)

    assert sent(None).timeline is None
    assert sent([]).timeline == []
    full = sent([LabelledSegment(0.0, 4.0, scores)])
    assert full.model_dump()["timeline"] == [
        {
            "start_seconds": 0.0,
            "stop_seconds": 4.0,
            "labels": [
                {"label": "run", "probability": 0.75},
                {"label": "swim", "probability": 0.25},
            ],
        }
    ]
