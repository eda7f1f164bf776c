"""The pages in a real browser: every app's operations are on them, and nothing comes from another host."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.serving import REPOSITORY, serving

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not BROWSER or not DRIVER, reason="neither chromium nor google-chrome with a chromedriver is installed"
)

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1280,2000",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module", params=["", "/api"], ids=["plain", "behind a proxy"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    environment = {"COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{folder / 'app.db'}"}
    arguments = ["uvicorn", "asgi:app", "--port", "{port}", "--root-path", request.param]
    with serving(arguments, REPOSITORY, folder / "log", environment) as server:
        server.wait_until_ready()
        if not request.param:
            yield server.url
        else:
            with proxied(server.url, request.param) as url:
                yield url


@contextmanager
def proxied(upstream: str, prefix: str) -> Iterator[str]:
    """Serve what is below a prefix from a server that doesn't see the prefix, as a reverse proxy does."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path.startswith(f"{prefix}/")
            headers = {"accept-encoding": "identity"}
            answer = httpx.get(upstream + self.path.removeprefix(prefix), headers=headers)
            self.send_response(answer.status_code)
            for name in answer.headers.keys() - {"date", "server"}:
                self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}{prefix}"
        finally:
            proxy.shutdown()
            thread.join()


def operations(address: str) -> set[tuple[str, str]]:
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    return {(path, method) for path, item in paths.items() for method in item}


def wait_for(browser: Chrome, script: str) -> Any:
    end = time.monotonic() + 30
    while not (found := browser.execute_script(script)):
        assert time.monotonic() < end, browser.page_source
        time.sleep(0.1)
    return found


def requested(browser: Chrome) -> list[str]:
    """Return what the page asked a host for; what its policy kept from being asked isn't among it."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]  # type: ignore[no-untyped-call]
    blocked = {event["params"]["requestId"] for event in events if event["params"].get("blockedReason")}
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = [each["request"]["url"] for each in sent if each["requestId"] not in blocked]
    return [url for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss")]


def visit(browser: Chrome, url: str) -> None:
    """Load a page with nothing of an earlier one in the browser's logs."""
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)  # type: ignore[no-untyped-call]
    browser.get(url)


def assert_only_own(browser: Chrome, address: str, script: str) -> None:
    urls = requested(browser)
    assert any(script in url for url in urls)
    assert f"{address}/openapi.json" in urls
    assert {urlsplit(url).netloc for url in urls} == {urlsplit(address).netloc}


def test_docs_shows_the_operations_of_every_app_and_asks_no_other_host(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/docs")
    wait_for(browser, "return document.querySelectorAll('.opblock').length")
    shown = browser.execute_script(
        "return [...document.querySelectorAll('.opblock-summary')].map(each => ["
        "each.querySelector('.opblock-summary-path').dataset.path,"
        "each.querySelector('.opblock-summary-method').textContent.toLowerCase()])"
    )
    expected = operations(address)
    assert {path.split("/")[1] for path, _ in expected} >= {"accounts", "heartbeat", "house_price", "notes", "v1"}
    assert {(path, method) for path, method in shown} == expected
    assert_only_own(browser, address, "swagger-ui-bundle.js")


def test_redoc_shows_the_operations_of_every_app_and_asks_no_other_host(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/redoc")
    text = wait_for(browser, "return document.querySelector('[id*=\"operation/\"]') && document.body.textContent")
    assert all(path in text for path, _ in operations(address))
    assert_only_own(browser, address, "redoc.standalone.js")


def test_try_it_out_reaches_the_app(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/docs")
    block = "document.querySelector('[data-path=\"/heartbeat/\"]').closest('.opblock')"
    wait_for(browser, "return document.querySelector('[data-path=\"/heartbeat/\"]')")
    for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
        wait_for(browser, f"const found = {block}.querySelector('{button}'); found && found.click(); return !!found")
    cell = f"{block}.querySelector('.live-responses-table tbody td.response-col_status')"
    status = wait_for(browser, f"const found = {cell}; return found && found.textContent")
    assert status.split()[0] == "200", status


def test_each_apps_own_docs_page_is_there(address: str) -> None:
    assert {httpx.get(f"{address}/{app}/docs").status_code for app in ("notes", "accounts", "house_price")} == {200}


def test_the_log_of_the_browser_names_no_error(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/docs")
    wait_for(browser, "return document.querySelectorAll('.opblock').length")
    assert [each for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]
