"""marimo: its page and assets, and a browser in which the notebook runs."""

from selenium.webdriver import Chrome

from tests.guests.browser import shown
from tests.guests.pages import assert_assets_load, get

PACKAGE = "marimo"


def check_its_page_and_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/"))


def check_it_is_healthy(url: str) -> None:
    assert get(f"{url}/health").json()["status"] == "healthy"


def check_a_browser_runs_the_notebook(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/")
    shown(browser, "Three times 3 is 9.")
