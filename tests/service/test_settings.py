"""Settings come from the environment once, and do not change."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_the_environment_sets_what_no_argument_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPD_LIBRARY", "/from/environment")
    monkeypatch.setenv("CPD_PORT", "9000")

    settings = Settings(port=9001)  # type: ignore[call-arg]  # library is in the environment

    assert settings.library == Path("/from/environment")
    assert settings.port == 9001


def test_the_service_is_closed_to_the_network_unless_told_otherwise() -> None:
    assert Settings(library=Path("x")).host == "127.0.0.1"


def test_a_library_must_be_named() -> None:
    with pytest.raises(ValidationError, match="library"):
        Settings()  # type: ignore[call-arg]  # that is the point


def test_settings_do_not_change() -> None:
    settings = Settings(library=Path("x"))

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("CPD_PORT", "70000"), ("CPD_QUERY_BATCH_SIZE", "0"), ("CPD_LOG_FORMAT", "xml")],
)
def test_a_value_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        Settings(library=Path("x"))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "192.168.1.7", "LOCALHOST."])
def test_names_that_only_this_machine_can_mean_are_accepted(name: str) -> None:
    assert Settings(library=Path("x")).accepts_host(name)


@pytest.mark.parametrize("name", ["", "evil.example", "localhost.evil.example"])
def test_a_foreign_name_is_refused(name: str) -> None:
    assert not Settings(library=Path("x")).accepts_host(name)


def test_the_operator_can_add_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPD_ALLOWED_HOSTS", "videos.example, Cpd")

    settings = Settings(library=Path("x"))

    assert settings.accepts_host("videos.example")
    assert settings.accepts_host("cpd")
    assert not settings.accepts_host("other.example")


def test_a_star_accepts_every_name() -> None:
    assert Settings(library=Path("x"), allowed_hosts=("*",)).accepts_host("any.example")
