"""NiceGUI: its pages and assets, and a browser that clicks."""

from selenium.webdriver import Chrome

from tests.guests.browser import found, shown
from tests.guests.pages import assert_assets_load, get

PACKAGE = "nicegui"


def check_its_page_and_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/"))


def check_its_socket_is_reached(url: str) -> None:
    assert '"sid"' in get(f"{url}/_nicegui_ws/socket.io/?EIO=4&transport=polling").text


def check_a_browser_clicks_and_the_server_counts(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/")
    shown(browser, "clicked 0 times")
    found(browser, "#click").click()
    shown(browser, "clicked 1 times")


def check_a_link_leads_to_the_other_page(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/")
    found(browser, "a").click()
    shown(browser, "the other page")
    assert browser.current_url == f"{url}/other"
