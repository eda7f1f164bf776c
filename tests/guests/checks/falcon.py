"""Falcon: what ran at its start, its addresses, its WebSocket, its stream, its files."""

from tests.guests.pages import assert_echoes, client, events, get, redirect_of

PACKAGE = "falcon"


def check_it_was_started(url: str) -> None:
    assert get(f"{url}/home").json()["greeting"] == "hello"


def check_a_resource_knows_its_address(url: str) -> None:
    assert get(f"{url}/home").json()["uri"] == f"{url}/home"


def check_a_redirect_stays_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/old")) == f"{url}/home"


def check_a_static_file_loads(url: str) -> None:
    assert "body" in get(f"{url}/static/site.css").text


def check_a_websocket_echoes(url: str) -> None:
    assert_echoes(f"{url}/echo")


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]
