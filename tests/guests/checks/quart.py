"""Quart: its page, its addresses, its WebSocket, its stream."""

from tests.guests.pages import assert_assets_load, assert_echoes, client, events, get, links, redirect_of

PACKAGE = "quart"


def check_it_was_started_before_it_served(url: str) -> None:
    assert "hello" in get(f"{url}/").text


def check_links_and_static_files_keep_the_prefix(url: str) -> None:
    page = get(f"{url}/")
    assert links(page) == [f"{url}/where"]
    assert_assets_load(url, page)


def check_a_view_knows_its_address(url: str) -> None:
    assert get(f"{url}/where").text == f"{url}/where"


def check_a_redirect_stays_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/old")) == f"{url}/"


def check_a_websocket_echoes(url: str) -> None:
    assert_echoes(f"{url}/echo")


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]
