"""The pages in a real browser: all apps or one, each operation reachable and callable, nothing from another host."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

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

# One app fails when a file appears, one keeps its document to itself, one can't make its own.
PROJECT = """
import asyncio
from pathlib import Path
from typing import Annotated

import composer
from fastapi import Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

Token = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


class Fading(FastAPI):
    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            return await super().__call__(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        while not Path("fade").exists():
            await asyncio.sleep(0.05)
        raise RuntimeError("faded")


class Faulty(FastAPI):
    def openapi(self):
        raise RuntimeError("no schema")


def create_app(kind=FastAPI, **more):
    app = kind(**more)

    @app.get("/who", tags=["people"])
    def who(token: Token) -> str:
        return token.credentials

    @app.get("/things/{name}", summary="Look one up", operation_id=f"find_in_{app.title}")
    def thing(name: str) -> str:
        return name

    return app


def declared(name, kind=FastAPI, owner="", description="", **more):
    create = lambda: create_app(kind, title=name, **more)
    return composer.App(name, f"/{name}", create, owner=owner, description=description)


root = FastAPI(title="House", description="Of **all**.", swagger_ui_parameters={"persistAuthorization": False})
root.add_api_route("/own", lambda: "mine", methods=["GET"], operation_id="read_own")
app = composer.compose(
    [
        declared("alpha", owner="Ann", description="<b>first</b>", summary="Of <i>alpha</i>."),
        declared("group/beta"),
        declared("fading", Fading),
        declared("faulty", Faulty),
        declared("hidden", openapi_url=None),
    ],
    root=root,
)
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
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


@pytest.fixture
def house(tmp_path: Path) -> Iterator[str]:
    """Serve the project above, in whose folder a test may put a file."""
    (tmp_path / "house.py").write_text(PROJECT)
    with serving(["uvicorn", "house:app", "--port", "{port}"], tmp_path, tmp_path / "log") as server:
        server.wait_until_ready()
        yield server.url
        # Else the stop would wait for the app that ends by this file alone.
        (tmp_path / "fade").touch()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve 40 apps with 2,000 operations."""
    arguments = ["uvicorn", "--factory", "benchmarks.docs_page:many_apps", "--port", "{port}"]
    with serving(arguments, REPOSITORY, tmp_path_factory.mktemp("many") / "log") as server:
        server.wait_until_ready()
        yield server.url


@contextmanager
def proxied(upstream: str, prefix: str) -> Iterator[str]:
    """Serve what is below a prefix from a server that doesn't see the prefix, as a reverse proxy does."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path.startswith(f"{prefix}/")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: self.headers[name] for name in self.headers if name.lower() != "host"}
            headers["Accept-Encoding"] = "identity"
            url = upstream + self.path.removeprefix(prefix)
            answer = httpx.request(self.command, url, headers=headers, content=body)
            self.send_response(answer.status_code)
            for name in answer.headers.keys() - {"date", "server"}:
                self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815 - the name is the base class's

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
    paths = httpx.get(f"{address}/openapi.json", timeout=60).json()["paths"]
    return {(path, method) for path, item in paths.items() for method in item}


def operation_id(address: str, path: str, method: str = "get") -> str:
    found: str = httpx.get(f"{address}/openapi.json", timeout=60).json()["paths"][path][method]["operationId"]
    return found


def wait_for(browser: Chrome, script: str) -> Any:
    return wait_until(browser, lambda: browser.execute_script(script))


def wait_until(browser: Chrome, find: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while not (found := find()):
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


def complaints(browser: Chrome) -> list[str]:
    """Return what the browser's log says of errors, violations of the page's policy among them."""
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


def visit(browser: Chrome, url: str) -> None:
    """Load a page with nothing of an earlier one in the browser's logs."""
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)  # type: ignore[no-untyped-call]
    browser.get(url)


def assert_only_own(browser: Chrome, address: str, script: str, document: str = "/openapi.json") -> None:
    urls = requested(browser)
    assert any(script in url for url in urls)
    assert f"{address}{document}" in urls
    assert {urlsplit(url).netloc for url in urls} == {urlsplit(address).netloc}


def open_docs(browser: Chrome, url: str) -> None:
    visit(browser, url)
    wait_for(browser, "return document.querySelectorAll('.opblock-tag').length")


def groups(browser: Chrome) -> list[str]:
    names: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)"
    )
    return names


def group(browser: Chrome, app: str) -> str:
    text: str = wait_for(browser, f"return document.querySelector('[data-tag=\"{app}\"]')?.innerText")
    return text


def shown(browser: Chrome) -> set[tuple[str, str]]:
    found = browser.execute_script(
        "return [...document.querySelectorAll('.opblock-summary')].map(each => ["
        "each.querySelector('[data-path]').dataset.path,"
        "each.querySelector('.opblock-summary-method').textContent.toLowerCase()])"
    )
    return {(path, method) for path, method in found}


def open_groups(browser: Chrome) -> None:
    browser.execute_script("for (const each of document.querySelectorAll('[aria-expanded=false].expand')) each.click()")


def choose(browser: Chrome, app: str) -> None:
    Select(browser.find_element("id", "app")).select_by_value(app)


def go_back(browser: Chrome) -> None:
    # Chromium's own button passes over what no person seems to have done. On a busy machine the navigation may abort
    # the script that has asked for it.
    with suppress(WebDriverException):
        browser.execute_script("history.back()")


def call(browser: Chrome, path: str, method: str = "get") -> tuple[str, str]:
    """Press `Try it out` and `Execute` of an operation that is shown; return the answer's status and body."""
    summary = f"document.querySelector('.opblock-{method} [data-path=\"{path}\"]')"
    wait_for(browser, f"return {summary}")
    block = f"{summary}.closest('.opblock')"
    if not browser.execute_script(f"return {block}.classList.contains('is-open')"):
        browser.execute_script(f"{block}.querySelector('.opblock-summary-control').click()")
    for button in (".try-out__btn", ".execute"):
        wait_for(browser, f"const found = {block}.querySelector('{button}'); found && found.click(); return !!found")
    row = f"{block}.querySelector('.live-responses-table tbody tr.response')"
    wait_for(browser, f"return {row}?.querySelector('.response-col_description pre')")
    status, body = browser.execute_script(
        f"const row = {row}; return [row.querySelector('.response-col_status').innerText.split(/\\s/)[0],"
        "row.querySelector('.response-col_description pre').innerText]"
    )
    return status, body


def opened(browser: Chrome) -> str:
    """Return the path of the operation that is open, once it has been scrolled to."""
    top = "document.querySelector('.opblock.is-open')?.getBoundingClientRect().top"
    wait_for(browser, f"return {top} >= 0 && {top} < innerHeight / 2")
    path: str = browser.execute_script("return document.querySelector('.opblock.is-open [data-path]').dataset.path")
    return path


# -- the repository's own apps, plain and behind a proxy -----------------------------------------------------


def test_docs_shows_the_operations_of_every_app_and_asks_no_other_host(browser: Chrome, address: str) -> None:
    open_docs(browser, f"{address}/docs")
    assert groups(browser) == ["accounts", "heartbeat", "house_price", "notes", "v1/house_price", "valuation"]
    assert shown(browser) == set()
    open_groups(browser)
    expected = operations(address)
    wait_until(browser, lambda: shown(browser) == expected)
    assert_only_own(browser, address, "swagger-ui-bundle.js")
    assert complaints(browser) == []


def test_redoc_shows_the_operations_of_every_app_and_asks_no_other_host(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/redoc")
    text = wait_for(browser, "return document.querySelector('[id*=\"operation/\"]') && document.body.textContent")
    assert all(path in text for path, _ in operations(address))
    assert_only_own(browser, address, "redoc.standalone.js")
    # Its own footer has a picture of another host, which isn't loaded.
    assert [each for each in complaints(browser) if "logo-mini.svg" not in each] == []


def test_redoc_shows_one_app(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/redoc?app=notes")
    wait_for(browser, "return document.querySelector('[id*=\"operation/\"]')")
    text = browser.execute_script("return document.querySelector('#redoc').textContent")
    assert "/notes/{id}" in text
    assert "/accounts" not in text
    assert browser.execute_script("return document.querySelector('#redoc h1').textContent").startswith("Notes")
    assert browser.execute_script("return document.getElementById('app').value") == "notes"
    choose(browser, "heartbeat")
    wait_for(browser, "return location.search === '?app=heartbeat' && document.querySelector('[id*=\"operation/\"]')")
    assert "/heartbeat/" in browser.execute_script("return document.querySelector('#redoc').textContent")


def test_try_it_out_reaches_the_app(browser: Chrome, address: str) -> None:
    open_docs(browser, f"{address}/docs")
    open_groups(browser)
    assert call(browser, "/heartbeat/")[0] == "200"
    status, body = call(browser, "/accounts/users", "post")
    assert (status, "id" in json.loads(body)) == ("201", True)
    assert complaints(browser) == []


def test_each_apps_own_page_works_as_if_the_app_were_served_alone(browser: Chrome, address: str) -> None:
    for app, path in (("notes", "/"), ("accounts", "/users"), ("heartbeat", "/")):
        visit(browser, f"{address}/{app}/docs")
        wait_for(browser, "return document.querySelectorAll('.opblock').length")
        expected = httpx.get(f"{address}/{app}/openapi.json").json()["paths"]
        assert {path for path, _ in shown(browser)} == set(expected)
        assert browser.execute_script("return document.getElementById('app')") is None
        assert call(browser, path)[0] == "200"
        assert_only_own(browser, f"{address}/{app}", "swagger-ui-bundle.js")
        assert complaints(browser) == []


def test_each_apps_own_redoc_page_is_served_locally(browser: Chrome, address: str) -> None:
    visit(browser, f"{address}/notes/redoc")
    wait_for(browser, "return document.querySelector('[id*=\"operation/\"]')")
    assert_only_own(browser, f"{address}/notes", "redoc.standalone.js")
    assert [each for each in complaints(browser) if "logo-mini.svg" not in each] == []


# -- all apps or one -----------------------------------------------------------------------------------------


def test_one_app_is_chosen_and_the_address_keeps_the_choice(browser: Chrome, house: str) -> None:
    open_docs(browser, f"{house}/docs?lang=en")
    assert groups(browser) == ["root", "alpha", "fading", "faulty", "group/beta", "hidden"]
    choose(browser, "alpha")
    assert browser.current_url == f"{house}/docs?lang=en&app=alpha"
    wait_until(browser, lambda: groups(browser) == ["default", "people"] or groups(browser) == ["people", "default"])
    assert shown(browser) == {("/alpha/who", "get"), ("/alpha/things/{name}", "get")}
    assert browser.execute_script("return document.querySelector('.info .title').innerText").startswith("alpha")
    choose(browser, "group/beta")
    assert browser.current_url == f"{house}/docs?lang=en&app=group%2Fbeta"
    wait_until(browser, lambda: ("/group/beta/who", "get") in shown(browser))
    go_back(browser)
    wait_until(browser, lambda: ("/alpha/who", "get") in shown(browser))
    go_back(browser)
    wait_until(browser, lambda: len(groups(browser)) == 6)
    assert browser.execute_script("return document.querySelector('.info .title').innerText").startswith("House")
    assert browser.execute_script("return document.getElementById('app').value") == ""
    browser.refresh()
    wait_until(browser, lambda: len(groups(browser)) == 6)
    assert complaints(browser) == []


def test_the_app_is_chosen_by_the_url_and_an_unknown_name_means_all(browser: Chrome, house: str) -> None:
    open_docs(browser, f"{house}/docs?app=group%2Fbeta")
    assert {path.split("/")[1] for path, _ in shown(browser)} == {"group"}
    for name in ("nothing", "hidden"):
        open_docs(browser, f"{house}/docs?app={name}")
        assert len(groups(browser)) == 6


@pytest.mark.parametrize("query", ["", "?app=notes", "?app=accounts"])
@pytest.mark.parametrize("first", ["notes", "default"])
def test_a_link_to_an_operation_opens_it(browser: Chrome, address: str, query: str, first: str) -> None:
    name = operation_id(address, "/notes/{id}")
    open_docs(browser, f"{address}/docs{query}#/{first}/{name}")
    assert opened(browser) == "/notes/{id}"
    assert browser.execute_script("return document.querySelectorAll('.opblock.is-open').length") == 1


@pytest.mark.parametrize("first", ["v1/house_price", "v1%2Fhouse_price", "house%20price"])
def test_a_link_may_name_the_app_or_the_operation_s_own_tag(browser: Chrome, address: str, first: str) -> None:
    name = operation_id(address, "/v1/house_price/predict", "post")
    open_docs(browser, f"{address}/docs#/{first}/{name}")
    assert opened(browser) == "/v1/house_price/predict"


def test_a_link_that_swagger_ui_makes_leads_back_to_the_operation(browser: Chrome, address: str) -> None:
    open_docs(browser, f"{address}/docs")
    open_groups(browser)
    wait_for(browser, "return document.querySelector('.opblock-post [data-path=\"/v1/house_price/predict\"]')")
    browser.execute_script(
        "document.querySelector('[data-path=\"/v1/house_price/predict\"]').closest('.opblock')"
        ".querySelector('.opblock-summary-control').click()"
    )
    wait_for(browser, "return document.querySelector('.opblock.is-open')")
    link = browser.current_url
    assert "#/" in link
    open_docs(browser, link)
    assert opened(browser) == "/v1/house_price/predict"


def test_a_link_to_a_group_opens_it(browser: Chrome, address: str) -> None:
    open_docs(browser, f"{address}/docs#/v1/house_price")
    expected = {(f"/v1/house_price/predict{many}", "post") for many in ("", "/batch")}
    assert wait_until(browser, lambda: shown(browser)) == expected


def test_a_link_that_is_followed_on_the_page_opens_the_operation(browser: Chrome, address: str) -> None:
    open_docs(browser, f"{address}/docs?app=accounts")
    name = operation_id(address, "/notes/{id}")
    browser.execute_script(f"location.hash = '#/notes/{name}'")
    assert opened(browser) == "/notes/{id}"


# -- how the apps are ----------------------------------------------------------------------------------------


def test_each_app_is_shown_with_its_state_and_description(browser: Chrome, house: str) -> None:
    open_docs(browser, f"{house}/docs")
    alpha = group(browser, "alpha")
    assert "up" in alpha.split()
    assert "owner: Ann" in alpha
    assert "<b>first</b>" in alpha
    assert "/group/beta" in group(browser, "group/beta")
    assert "OpenAPI document not included" in group(browser, "faulty")
    assert "private" in group(browser, "hidden")
    assert browser.execute_script("return document.querySelectorAll('.opblock-tag b, .opblock-tag i').length") == 0
    for app in ("hidden", "faulty"):
        assert browser.execute_script(f"return document.querySelector('[data-tag={app}] :is(a, button)')") is None
        assert browser.execute_script(f"return document.querySelector('option[value={app}]').disabled")
    assert complaints(browser) == []


def test_the_bar_shows_the_state_and_the_owner_of_the_chosen_app(browser: Chrome, house: str) -> None:
    for page in ("docs", "redoc"):
        visit(browser, f"{house}/{page}?app=alpha")
        bar = wait_for(
            browser, "return document.querySelector('.bar .badge') && document.querySelector('.bar').innerText"
        )
        assert "up" in bar.split(), page
        assert "owner: Ann · <b>first</b>" in bar, page


def test_redoc_shows_the_state_of_every_app_as_docs_does(browser: Chrome, house: str) -> None:
    visit(browser, f"{house}/redoc")
    rows = wait_for(browser, "return [...document.querySelectorAll('.bar details li')].map(row => row.textContent)")
    alpha, faulty, hidden = (
        next(row for row in rows if row.startswith(name)) for name in ("alpha", "faulty", "hidden")
    )
    assert "up" in alpha
    assert "owner: Ann · <b>first</b>" in alpha
    assert "OpenAPI document not included: " in faulty
    assert "private" in hidden


def test_an_app_that_fails_is_shown_as_failed_without_loading_the_page_again(
    browser: Chrome, house: str, tmp_path: Path
) -> None:
    open_docs(browser, f"{house}/docs")
    assert "up" in group(browser, "fading").split()
    browser.execute_script("document.body.dataset.first = 'yes'")
    (tmp_path / "fade").touch()
    wait_until(browser, lambda: "failed" in group(browser, "fading").split())
    assert "RuntimeError" in group(browser, "fading")
    assert browser.execute_script("return document.querySelector('option[value=fading]').textContent") == (
        "fading (failed)"
    )
    assert browser.execute_script("return document.body.dataset.first") == "yes"


def test_what_is_typed_once_authorises_calls_of_all_apps_that_share_the_scheme(browser: Chrome, house: str) -> None:
    open_docs(browser, f"{house}/docs")
    browser.find_element("css selector", ".btn.authorize").click()
    wait_for(browser, "return document.querySelector('.auth-container input')")
    assert browser.execute_script("return document.querySelectorAll('.auth-container input').length") == 1
    browser.find_element("css selector", ".auth-container input").send_keys("sesame")
    browser.find_element("css selector", ".auth-btn-wrapper .authorize").click()
    browser.find_element("css selector", ".btn-done").click()
    choose(browser, "alpha")
    assert call(browser, "/alpha/who") == ("200", '"sesame"')
    choose(browser, "group/beta")
    assert call(browser, "/group/beta/who") == ("200", '"sesame"')
    assert "sesame" not in browser.execute_script("return JSON.stringify([localStorage, sessionStorage])")


def test_a_document_that_fails_to_load_is_reported(browser: Chrome, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from fastapi import FastAPI\nfrom composer._docs import install_docs\napp = FastAPI()\n"
        "async def document(): raise RuntimeError\ninstall_docs(app, document, list)\n"
    )
    with serving(["uvicorn", "broken:app", "--port", "{port}"], tmp_path, tmp_path / "log") as server:
        wait_until(browser, lambda: _answers(f"{server.url}/docs"))
        for page in ("docs", "redoc"):
            visit(browser, f"{server.url}/{page}")
            assert "500" in wait_for(browser, "return document.querySelector('[role=alert]')?.textContent")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


# -- many operations -----------------------------------------------------------------------------------------


def test_of_2000_operations_only_the_apps_are_shown_till_one_is_opened(browser: Chrome, many: str) -> None:
    assert len(operations(many)) == 2000
    open_docs(browser, f"{many}/docs")
    assert groups(browser) == [f"service_{number:02}" for number in range(40)]
    assert shown(browser) == set()
    browser.execute_script("document.querySelector('[data-tag=service_07] .expand').click()")
    expected = {each for each in operations(many) if each[0].startswith("/service_07/")}
    wait_until(browser, lambda: shown(browser) == expected)
    tags = browser.execute_script("return [...document.querySelectorAll('h4.tag')].map(each => each.textContent)")
    assert sorted(tags) == ["admin", "items", "reports", "users"]
    assert complaints(browser) == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("SERVICE_31 admin", lambda path: path.startswith("/service_31/") and int(path.split("resources")[1]) % 4 == 2),
        ("/service_03/resources24", lambda path: path == "/service_03/resources24"),
        ("service_11_write_7_", lambda path: path == "/service_11/resources7"),
        ("service_12 write 9", lambda path: path in ("/service_12/resources9", "/service_12/resources19")),
    ],
)
def test_the_filter_narrows_the_list_and_opens_what_is_left(
    browser: Chrome, many: str, typed: str, found: Callable[[str], bool]
) -> None:
    open_docs(browser, f"{many}/docs")
    expected = {each for each in operations(many) if found(each[0].removesuffix("/{thing_id}"))}
    if "write" in typed or "24" in typed:
        expected = {each for each in expected if "24" in typed or each[1] == "post"}
    browser.find_element("id", "filter").send_keys(typed)
    wait_until(browser, lambda: shown(browser) == expected)
    assert len(groups(browser)) == 1
    browser.execute_script("document.querySelector('.expand').click()")
    wait_until(browser, lambda: shown(browser) == set())


def test_a_filter_that_finds_much_opens_nothing_and_an_emptied_one_shows_all_again(browser: Chrome, many: str) -> None:
    open_docs(browser, f"{many}/docs")
    field = browser.find_element("id", "filter")
    field.send_keys("write")
    wait_for(browser, "return document.querySelector('.found').textContent === '1000 found'")
    assert shown(browser) == set()
    field.send_keys(" nowhere")
    wait_until(browser, lambda: groups(browser) == [])
    field.send_keys(Keys.CONTROL, "a", Keys.DELETE)
    wait_until(browser, lambda: len(groups(browser)) == 40)


def test_redoc_lists_the_apps_where_there_are_too_many_operations_for_one_page(browser: Chrome, many: str) -> None:
    visit(browser, f"{many}/redoc")
    wait_for(browser, "return document.querySelectorAll('.list a').length === 40")
    browser.find_element("link text", "service_07").click()
    wait_for(browser, "return document.querySelectorAll('[id^=\"operation/\"]').length >= 50")
    name = operation_id(many, "/service_08/resources3/{thing_id}")
    visit(browser, f"{many}/redoc#operation/{name}")
    wait_for(browser, "return document.querySelectorAll('[id^=\"operation/\"]').length >= 50")
    assert browser.execute_script("return document.getElementById('app').value") == "service_08"
