"""One line for each request: for people or for machines, never with the query in it."""

import json
import logging

import pytest

from service.logs import EVENTS, formatter, open_log
from tests.service.conftest import ClientFor
from tests.service.fakes import FakeEngine


def test_an_event_keeps_its_facts_as_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=EVENTS):
        open_log().info("ready", model="fake", device="cpu")

    line = json.loads(formatter(for_people=False).format(caplog.records[0]))
    assert (line["event"], line["model"], line["device"]) == ("ready", "fake", "cpu")
    assert (line["level"], line["logger"]) == ("info", EVENTS)


def test_a_line_for_people_names_the_event_and_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=EVENTS):
        open_log().info("ready", model="fake")

    line = formatter(for_people=True).format(caplog.records[0])
    assert "ready" in line
    assert "fake" in line


async def test_a_request_is_one_line_with_its_id_and_without_its_query(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=EVENTS):
        async with client_for(FakeEngine()) as client:
            await client.post(
                "/v1/search", json={"query": "my secret"}, headers={"x-request-id": "id-1"}
            )

    (record,) = (record for record in caplog.records if record.name == EVENTS)
    line = formatter(for_people=False).format(record)
    facts = json.loads(line)
    assert (facts["method"], facts["path"], facts["status"]) == ("POST", "/v1/search", 200)
    assert facts["request_id"] == "id-1"
    assert "secret" not in line


async def test_an_unforeseen_failure_is_logged_whole(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=EVENTS):
        async with client_for(FakeEngine({"dog": RuntimeError("password 1234")})) as client:
            await client.post("/v1/search", json={"query": "dog"})

    failure = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert "password 1234" in json.loads(formatter(for_people=False).format(failure))["exception"]


async def test_probes_are_not_worth_a_line(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=EVENTS):
        async with client_for(FakeEngine()) as client:
            await client.get("/health/ready")
            await client.get("/metrics")

    assert [record for record in caplog.records if record.name == EVENTS] == []
