"""Measure the time until the docs pages of 40 apps with 2,000 operations are usable in a real browser.

Run `python -m benchmarks.docs_page [RUNS]` from the repository's folder; chromium and chromedriver must be installed.
Usable means: the list of apps is shown and, on /docs, text typed into the filter has narrowed it. Each run loads the
page with an empty cache. The document is merged before the first run, and its time is shown separately.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

import composer
from tests.serving import REPOSITORY, serving

APPS, RESOURCES = 40, 25
TAGS = ("items", "users", "admin", "reports")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-dev-shm-usage", "--window-size=1280,1400")  # fmt: skip


def many_apps() -> FastAPI:
    """Compose 40 apps, each with 25 resources that can be read and written."""
    apps = [composer.App(f"service_{number:02}", f"/service_{number:02}", service(number)) for number in range(APPS)]
    return composer.compose(apps)


def service(number: int) -> Callable[[], FastAPI]:
    """Return the factory of one app."""

    def create_app() -> FastAPI:
        app = FastAPI(title=f"Service {number:02}", description=f"What service {number} does, in **some** words.")
        for each in range(RESOURCES):
            add_resource(app, number, each)
        return app

    return create_app


def add_resource(app: FastAPI, number: int, each: int) -> None:
    """Add two operations and the models that they use."""
    part = create_model(f"Part{number}x{each}", label=(str, Field(max_length=40)), weight=(float, 1.0))
    thing = create_model(
        f"Thing{number}x{each}",
        id=(int, Field(description="The number that it is known by.", ge=1)),
        name=(str, Field(description="The name that people give it.", max_length=120)),
        parts=(list[part], Field(default_factory=list)),  # type: ignore[valid-type]
        note=(str | None, Field(None, description="Whatever else is to be said.")),
    )

    def read(thing_id: int, verbose: bool = False) -> BaseModel:
        return thing(id=thing_id, name="one")

    def write(body: BaseModel) -> BaseModel:
        return body

    write.__annotations__["body"] = thing
    tags, path = [TAGS[each % len(TAGS)]], f"/resources{each}"
    told = "Return one thing with its parts, as it was last written. " * 3
    app.get(f"{path}/{{thing_id}}", response_model=thing, tags=list(tags), name=f"read_{each}", description=told)(read)
    app.post(path, response_model=thing, tags=list(tags), name=f"write_{each}")(write)


@contextmanager
def browser(folder: str) -> Iterator[Chrome]:
    """Start a browser with its own profile, and close it."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium") or shutil.which("google-chrome"))
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService(str(shutil.which("chromedriver"))))
    try:
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        yield driver
    finally:
        driver.quit()


def wait_for(driver: Chrome, condition: str, seconds: float = 120) -> None:
    """Wait until a script returns true; raise TimeoutError if it doesn't in time."""
    end = time.monotonic() + seconds
    while not driver.execute_script(f"return {condition}"):
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.01)


def docs(driver: Chrome, url: str) -> None:
    """Open /docs, and narrow the list with its filter."""
    driver.get(f"{url}/docs")
    wait_for(driver, f"document.querySelectorAll('.opblock-tag.app').length === {APPS}")
    driver.find_element("id", "filter").send_keys("service_07 write_3")
    wait_for(driver, "document.querySelectorAll('.opblock-tag.app').length === 1 && document.querySelector('.opblock')")


def opened(driver: Chrome, url: str) -> None:
    """Open /docs with a link to one operation, and wait for its responses."""
    driver.get(f"{url}/docs#/service_07/service_07_read_3_resources3__thing_id__get")
    wait_for(driver, "document.querySelector('.opblock.is-open .responses-table')")


def redoc(driver: Chrome, url: str) -> None:
    """Open /redoc, which lists the apps first."""
    driver.get(f"{url}/redoc")
    wait_for(driver, f"document.querySelectorAll('.list a').length === {APPS}")


def redoc_of_one(driver: Chrome, url: str) -> None:
    """Open /redoc with the operations of one app."""
    driver.get(f"{url}/redoc?app=service_07")
    wait_for(driver, f"document.querySelectorAll('[id^=\"operation/\"]').length >= {2 * RESOURCES}")


def timed(action: Callable[[], object]) -> float:
    """Return the duration of an action in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main(runs: int) -> None:
    """Print the minimum, the median and the maximum of several runs."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["uvicorn", "--factory", "benchmarks.docs_page:many_apps", "--port", "{port}"]
        with serving(arguments, REPOSITORY, Path(folder) / "log") as server, browser(f"{folder}/profile") as driver:
            server.wait_until_ready()
            first = timed(lambda: httpx.get(f"{server.url}/openapi.json", timeout=120))
            document = httpx.get(f"{server.url}/openapi.json", timeout=120)
            count = sum(len(item) for item in document.json()["paths"].values())
            print(f"{count} operations of {APPS} apps, {len(document.content) / 1e6:.1f} MB")
            print(f"the document, built for the first request: {first:.2f} s")
            for page in (docs, opened, redoc, redoc_of_one):
                seconds = []
                for _ in range(runs):
                    driver.get("about:blank")
                    seconds.append(timed(lambda page=page: page(driver, server.url)))  # type: ignore[misc]
                told = f"min {min(seconds):.2f}  median {median(seconds):.2f}  max {max(seconds):.2f} s"
                print(f"{page.__name__:14}{told}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
