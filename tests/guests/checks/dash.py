"""Dash: its page, its assets, its callbacks, and a browser that types."""

from urllib.parse import urlsplit

import httpx
from selenium.webdriver import Chrome

from tests.guests.browser import found, shown
from tests.guests.pages import assert_assets_load, get

PACKAGE = "dash"


def check_its_page_and_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/"))


def check_its_page_knows_its_prefix(url: str) -> None:
    # It writes its settings as JSON, with each slash as an escape.
    prefix = f"{urlsplit(url).path}/".replace("/", r"\u002f")
    assert f'"requests_pathname_prefix":"{prefix}"' in get(f"{url}/").text


def check_a_callback_is_answered(url: str) -> None:
    call = {
        "output": "shout.children",
        "outputs": {"id": "shout", "property": "children"},
        "inputs": [{"id": "text", "property": "value", "value": "hello"}],
        "changedPropIds": ["text.value"],
    }
    answer = httpx.post(f"{url}/_dash-update-component", json=call)
    assert answer.json()["response"] == {"shout": {"children": "HELLO!"}}


def check_a_browser_types_and_sees_the_answer(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/")
    found(browser, "#text").send_keys("hello")
    shown(browser, "HELLO!")
