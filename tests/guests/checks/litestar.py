"""Litestar: state of its lifespan, its addresses, its WebSocket, its stream, its document."""

from tests.guests.pages import assert_echoes, client, events, get, redirect_of

PACKAGE = "litestar"


def check_the_lifespan_ran(url: str) -> None:
    assert get(f"{url}/").json() == {"greeting": "hello"}


def check_addresses_keep_the_prefix(url: str) -> None:
    assert get(f"{url}/where/3").text == f"{url}/where/3 {url}/where/3"


def check_a_redirect_stays_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/old")) == f"{url}/"


def check_a_websocket_echoes(url: str) -> None:
    assert_echoes(f"{url}/echo")


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]


def check_a_static_file_and_the_document_load(url: str) -> None:
    assert "body" in get(f"{url}/static/site.css").text
    assert "/where/{number}" in get(f"{url}/schema/openapi.json").json()["paths"]
