"""Gradio, as its own client and a browser see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradio_client import Client
from selenium.webdriver import Chrome

from tests.guests.browser import found, wait_for
from tests.guests.pages import PATIENCE, assert_assets_load, get

PACKAGE = "gradio"


@contextmanager
def connected(url: str) -> Iterator[Any]:
    client = Client(f"{url}/", verbose=False, analytics_enabled=False)
    try:
        yield client
    finally:
        client.close()


def check_its_client_calls_a_function_through_the_queue(url: str) -> None:
    with connected(url) as client:
        assert client.submit("Ada", api_name="/greet").result(timeout=PATIENCE) == "Hello Ada!"


def check_its_client_receives_a_stream(url: str) -> None:
    with connected(url) as client:
        job = client.submit(3, api_name="/count")
        job.result(timeout=PATIENCE)
        assert job.outputs() == ["0", "1", "2"]


def check_its_page_and_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/"))


def check_its_configuration_names_its_root(url: str) -> None:
    assert get(f"{url}/config").json()["root"] == url


def check_a_browser_fills_in_the_form(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/")
    found(browser, "#name textarea, #name input").send_keys("Grace")
    found(browser, "#greet").click()
    answer = "#greeting textarea, #greeting input"
    wait_for(browser, lambda page: found(page, answer).get_attribute("value") == "Hello Grace!", "no greeting")
