"""The whole app around an engine that answers from a table."""

import re

import httpx
import pytest

from service.http.app import create_app
from service.settings import Settings
from tests.service.conftest import ClientFor
from tests.service.fakes import CAT_ID, DOG_HIT, DOG_ID, FakeEngine


async def test_a_process_that_answers_is_alive_before_it_is_ready(client_for: ClientFor) -> None:
    async with client_for(FakeEngine(reason="still loading")) as client:
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")

    assert live.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["ready"] is False
    assert ready.json()["reason"] == "still loading"


async def test_readiness_says_which_device_does_what(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert response.status_code == 200
    assert response.json()["devices"] == {"model": "cpu", "search": "cpu"}
    assert response.json()["num_videos"] == 2


async def test_a_search_answers_with_moments(client_for: ClientFor) -> None:
    async with client_for(FakeEngine({"a dog": [DOG_HIT]})) as client:
        response = await client.post("/v1/search", json={"query": " a dog ", "limit": 5})

    body = response.json()
    assert response.status_code == 200
    assert body["query"] == "a dog"
    assert body["model"] == "fake"
    assert [hit["video_id"] for hit in body["hits"]] == [DOG_ID]


async def test_a_search_without_moments_is_an_answer_too(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/search", json={"query": "nothing like it"})

    assert response.status_code == 200
    assert response.json()["hits"] == []


async def test_videos_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/videos", params={"limit": 1, "offset": 1})

    body = response.json()
    assert [video["video_id"] for video in body["videos"]] == [CAT_ID]
    assert (body["total"], body["limit"], body["offset"]) == (2, 1, 1)


async def test_one_video_is_told(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/videos/{DOG_ID}")

    assert response.status_code == 200
    assert response.json()["path"] == "/videos/dog.mp4"
    assert response.json()["num_segments"] == 29


@pytest.mark.parametrize(
    "path", ["", "/media", "/thumbnail", "/preview?start_seconds=0&stop_seconds=1"]
)
async def test_an_unknown_video_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"/v1/videos/{'e' * 32}{path}")

    assert response.status_code == 404
    assert response.json()["type"] == "urn:cpd:problem:unknown-video"


@pytest.mark.parametrize(
    "address",
    [
        "/v1/videos/..%2F..%2Fetc%2Fpasswd/media",
        "/v1/videos/%2Fetc%2Fpasswd/media",
        "/page/..%2Fapp.py",
    ],
)
async def test_no_address_leads_to_another_file(client: httpx.AsyncClient, address: str) -> None:
    response = await client.get(address)

    assert response.status_code in {404, 422}
    assert "root:" not in response.text


# -- labels ---------------------------------------------------------------------------------------


async def test_a_stored_video_is_labelled(client: httpx.AsyncClient) -> None:
    body = {"video_id": DOG_ID, "labels": ["run", "swim", "cook"], "top": 2, "timeline": True}

    response = await client.post("/v1/classify", json=body)

    answer = response.json()
    assert response.status_code == 200
    assert answer["video_id"] == DOG_ID
    assert [score["label"] for score in answer["labels"]] == ["run", "swim"]
    assert answer["timeline"][0]["stop_seconds"] == 4.0


async def test_an_upload_is_labelled_and_deleted(client_for: ClientFor) -> None:
    engine = FakeEngine()

    async with client_for(engine) as client:
        response = await client.post(
            "/v1/classify",
            data={"labels": ["run", "swim"], "timeline": "true", "templates": ["a {}"]},
            files={"file": ("C:\\clips\\beach.mp4", b"x" * 300_000)},
        )

    answer = response.json()
    ((path, content, order),) = engine.labels.uploads
    assert response.status_code == 200
    assert answer["video_id"] is None
    assert answer["path"] == "beach.mp4"
    assert content == b"x" * 300_000
    assert (order.labels, order.templates, order.timeline) == (("run", "swim"), ("a {}",), True)
    assert not path.exists()


@pytest.mark.parametrize(
    ("data", "files", "field"),
    [
        ({"labels": ["run", "swim"]}, {"other": ("a.mp4", b"x")}, "file"),
        ({}, {"file": ("a.mp4", b"x")}, "labels"),
        ({"labels": ["run"]}, {"file": ("a.mp4", b"x")}, "labels"),
        ({"labels": ["run", "swim"], "top": "many"}, {"file": ("a.mp4", b"x")}, "top"),
        ({"labels": ["run", "swim"], "top": ["1", "2"]}, {"file": ("a.mp4", b"x")}, "top"),
        ({"labels": ["run", "swim"], "x": "y"}, {"file": ("a.mp4", b"x")}, "x"),
    ],
    ids=["no file", "no labels", "one label", "top is no number", "top twice", "unknown field"],
)
async def test_a_form_that_cannot_be_meant_is_refused(
    client: httpx.AsyncClient,
    data: dict[str, object],
    files: dict[str, tuple[str, bytes]],
    field: str,
) -> None:
    response = await client.post("/v1/classify", data=data, files=files)

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"video_id": "a"}', b"\xff"])
async def test_a_json_body_that_cannot_be_meant_is_refused(
    client: httpx.AsyncClient, body: bytes
) -> None:
    response = await client.post(
        "/v1/classify", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_another_kind_of_body_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/classify", content=b"x", headers={"content-type": "video/mp4"}
    )

    assert response.status_code == 415
    assert "multipart/form-data" in response.json()["detail"]


async def test_a_broken_form_is_a_bad_request(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/classify", content=b"x", headers={"content-type": "multipart/form-data; boundary=b"}
    )

    assert response.status_code == 400


# -- operators ------------------------------------------------------------------------------------


async def test_a_request_keeps_the_id_that_it_came_with(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/live", headers={"x-request-id": "trace.42"})

    assert response.headers["x-request-id"] == "trace.42"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b'])
async def test_an_id_that_could_spoil_a_log_is_replaced(
    client: httpx.AsyncClient, given: str
) -> None:
    response = await client.get("/health/live", headers={"x-request-id": given})

    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_metrics_count_by_route_and_not_by_address(client_for: ClientFor) -> None:
    async with client_for(FakeEngine({"a dog": [DOG_HIT]})) as client:
        await client.post("/v1/search", json={"query": "a dog"})
        await client.get(f"/v1/videos/{DOG_ID}")
        await client.get(f"/v1/videos/{CAT_ID}")
        await client.get("/no/such/page")
        text = (await client.get("/metrics")).text

    assert 'cpd_requests_total{method="POST",route="/v1/search",status="200"} 1.0' in text
    assert 'route="/v1/videos/{video_id}",status="200"} 2.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert 'cpd_search_seconds_sum{stage="encode"} 0.25' in text
    assert "cpd_queued_queries 3.0" in text
    assert "cpd_segments 58.0" in text
    assert DOG_ID not in text


async def test_two_apps_count_for_themselves(client_for: ClientFor) -> None:
    async with client_for(FakeEngine()) as first, client_for(FakeEngine()) as second:
        await first.get("/health/live")
        text = (await second.get("/metrics")).text

    assert "/health/live" not in text


async def test_the_engine_is_open_exactly_as_long_as_the_app(settings: Settings) -> None:
    events = []

    class Watched:
        async def __aenter__(self) -> FakeEngine:
            events.append("opened")
            return FakeEngine()

        async def __aexit__(self, *details: object) -> None:
            events.append("closed")

    app = create_app(Watched, settings)
    async with app.router.lifespan_context(app):
        events.append("serving")

    assert events == ["opened", "serving", "closed"]
