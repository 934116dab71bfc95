"""The page in a real Chromium: what a person sees, types and presses."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cpd_model.encoder import Encoder
from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.library.library import Library
from service.core.engine import Engine
from service.http.app import create_app
from service.media.file_cache import FileCache
from service.runtime.engine import CPDEngine
from service.settings import Settings
from tests.service.fakes import FakeEngine

pytestmark = pytest.mark.browser

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
DESKTOP = {"width": 1200, "height": 800}
PHONE = {"width": 360, "height": 740}
MILLISECONDS = 20_000
"""How long a busy machine may take to show something."""

MOMENTS = ".card:not(.waiting):not(.video)"
VIDEOS = ".card.video:not(.waiting)"


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=CHROMIUM_ARGUMENTS, timeout=60_000
        )
        yield browser
        browser.close()


@contextmanager
def served(engine: Engine, settings: Settings) -> Iterator[str]:
    """An app on a free port of this machine, on a thread of its own."""

    class Opened:
        async def __aenter__(self) -> Engine:
            return await engine.__aenter__() if isinstance(engine, CPDEngine) else engine

        async def __aexit__(self, *details: object) -> None:
            if isinstance(engine, CPDEngine):
                await engine.__aexit__(None, None, None)

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(Opened, settings), port=0, log_config=None, timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def site(
    color_library: Path, decoder: DecodePool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a real engine over the three colour videos."""
    settings = Settings(library=color_library)
    cache = FileCache(tmp_path_factory.mktemp("page-cache"), max_bytes=10**7)

    def load(model: str | None, device: str) -> Encoder:
        return ColorEncoder()

    with (
        Library.open(color_library) as library,
        served(CPDEngine(library, decoder, cache, settings, load=load), settings) as url,
    ):
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A desktop page on which no script fails and nothing comes from elsewhere."""
    yield from watched_page(browser, DESKTOP)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """The same at the width of a small phone."""
    yield from watched_page(browser, PHONE)


def watched_page(browser: Browser, size: dict[str, int]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": size["width"], "height": size["height"]})
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    expect.set_options(timeout=MILLISECONDS)
    failures: list[str] = []
    elsewhere: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on(
        "request",
        lambda request: None if "//127.0.0.1" in request.url else elsewhere.append(request.url),
    )
    yield page
    context.close()
    assert failures == []
    assert elsewhere == []


def search(page: Page, query: str) -> None:
    page.fill("#query", query)
    page.press("#query", "Enter")


def playing_seconds(page: Page) -> float:
    """The clock of the player, once it runs."""
    page.wait_for_function("() => !video.paused && video.readyState >= 2 && !video.seeking")
    return float(page.evaluate("video.currentTime"))


def test_the_library_is_shown_before_anything_is_asked(page: Page, site: str) -> None:
    page.goto(site)

    expect(page.locator(VIDEOS)).to_have_count(3)
    expect(page.locator("#status")).to_have_text("3 videos")
    expect(page.locator("#query")).to_be_focused()
    expect(page.locator("#facts")).to_contain_text("color")


def test_a_description_finds_its_moment(page: Page, site: str) -> None:
    page.goto(site)
    search(page, "something blue")

    first = page.locator(MOMENTS).first
    expect(first.locator(".name")).to_have_text("sunset.mp4")
    expect(first.locator(".time")).to_have_text("00:00:06 \u2013 00:00:16")
    expect(first.locator(".score b")).to_have_text("1.00")
    page.wait_for_function("() => document.querySelector('.card img').naturalWidth > 0")
    assert page.url == f"{site}/?q=something+blue"


def test_a_search_can_be_reloaded_and_left_again(page: Page, site: str) -> None:
    page.goto(site)
    search(page, "blue")
    expect(page.locator("#heading")).to_have_text("\u201cblue\u201d")
    search(page, "green")
    expect(page.locator(MOMENTS).first.locator(".name")).to_have_text("meadow.mp4")

    page.reload()
    expect(page.locator("#query")).to_have_value("green")
    expect(page.locator(MOMENTS).first.locator(".name")).to_have_text("meadow.mp4")

    page.go_back()
    expect(page.locator("#query")).to_have_value("blue")
    expect(page.locator(MOMENTS).first.locator(".name")).to_have_text("sunset.mp4")

    page.go_back()
    expect(page.locator("#heading")).to_have_text("Your library")


def test_a_moment_plays_from_its_start_and_starts_again_at_its_end(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=blue")
    page.locator(MOMENTS).first.click()

    assert 6 <= playing_seconds(page) < 9

    page.evaluate("video.currentTime = 15.8")
    page.wait_for_function("() => video.currentTime >= 6 && video.currentTime < 9")
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")


def test_somebody_who_looks_elsewhere_is_not_pulled_back(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=blue")
    page.locator(MOMENTS).first.click()
    playing_seconds(page)

    page.evaluate("video.currentTime = 1")

    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "false")
    assert playing_seconds(page) < 4


def test_a_file_that_browsers_cannot_play_is_shown_as_a_copy(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=yellow")
    first = page.locator(MOMENTS).first
    expect(first.locator(".name")).to_have_text("old.avi")
    first.click()

    expect(page.locator("#video-note")).to_contain_text("small copy")
    assert playing_seconds(page) < 8
    assert "/preview?" in page.evaluate("video.src")


def test_everything_can_be_done_from_the_keyboard(page: Page, site: str) -> None:
    page.goto(site)
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    expect(page.locator(MOMENTS).first).to_be_visible()

    page.keyboard.press("ArrowDown")
    expect(page.locator(MOMENTS).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(MOMENTS).nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("#player-name")).to_have_text("sunset.mp4")

    page.keyboard.press("ArrowRight")
    expect(page.locator("#previous")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator(MOMENTS).first).to_be_focused()

    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()
    expect(page.locator("#query")).to_have_value("red")


def test_a_video_is_labelled_with_ones_own_words(page: Page, site: str) -> None:
    page.goto(f"{site}/?q=green")
    page.locator(MOMENTS).first.click()
    page.fill("#labels", "green, red")
    page.press("#labels", "Enter")

    rows = page.locator("#labels-answer li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("green")

    page.fill("#labels", "alone")
    page.press("#labels", "Enter")
    expect(page.locator("#labels-status")).to_contain_text("two labels")


def test_a_phone_needs_no_sideways_scrolling(phone: Page, site: str) -> None:
    for address in (site, f"{site}/?q=blue", f"{site}/docs"):
        phone.goto(address)
        phone.wait_for_load_state("networkidle")
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address

    phone.goto(f"{site}/?q=blue")
    phone.locator(MOMENTS).first.click()
    expect(phone.locator("#player")).to_be_visible()
    box = phone.locator("#player").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]


def test_an_empty_library_says_how_to_fill_it(page: Page, settings: Settings) -> None:
    with served(FakeEngine(videos=[]), settings) as url:
        page.goto(url)
        expect(page.locator("#message")).to_contain_text("This library is empty")
        expect(page.locator("#message code")).to_have_text(
            "cpd index add ~/Videos --library /library"
        )

        search(page, "a dog")
        expect(page.locator("#heading")).to_have_text("\u201ca dog\u201d")
        expect(page.locator("#message")).to_contain_text("This library is empty")


def test_a_search_without_moments_says_so(page: Page, settings: Settings) -> None:
    with served(FakeEngine(), settings) as url:
        page.goto(f"{url}/?q=unicorn")

        expect(page.locator("#message")).to_contain_text("No moment found")


def test_a_failure_is_a_sentence_with_a_way_on(page: Page, settings: Settings) -> None:
    answers: dict[str, Exception] = {"dog": RuntimeError("secret")}

    with served(FakeEngine(answers), settings) as url:
        page.goto(f"{url}/?q=dog")
        expect(page.locator("#message")).to_contain_text("That did not work")
        expect(page.locator("#message")).not_to_contain_text("secret")

        answers.clear()
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#message")).to_contain_text("No moment found")


def test_a_model_that_is_being_loaded_is_waited_for(page: Page, settings: Settings) -> None:
    engine = FakeEngine(reason="the model is still being loaded")

    with served(engine, settings) as url:
        page.goto(f"{url}/?q=dog")
        expect(page.locator("#message")).to_contain_text("still being loaded")

        engine.reason = None
        expect(page.locator("#message")).to_contain_text("No moment found")


def test_a_name_with_markup_stays_a_name(page: Page, settings: Settings) -> None:
    """File names come from anywhere; none may become part of the page."""
    with served(FakeEngine(), settings) as url:
        page.goto(f"{url}/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")

        expect(page.locator("#heading")).to_contain_text("<img")
        assert page.locator("#heading img").count() == 0


def test_the_reference_of_the_api_needs_nothing_from_elsewhere(page: Page, site: str) -> None:
    page.goto(f"{site}/docs")

    summary = page.locator("summary", has_text="/v1/search")
    expect(summary).to_be_visible()
    summary.click()
    expect(page.locator("details[open] pre").first).to_contain_text("curl")
