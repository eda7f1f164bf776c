"""BlackSheep: what ran at its start, its addresses, its WebSocket, its stream, its document."""

from tests.guests.pages import assert_echoes, client, events, get, redirect_of

PACKAGE = "blacksheep"


def check_it_was_started(url: str) -> None:
    assert get(f"{url}/").text == "hello"


def check_a_handler_knows_its_address(url: str) -> None:
    assert get(f"{url}/where").text == f"{url}/where"


def check_a_static_file_loads(url: str) -> None:
    assert "body" in get(f"{url}/static/site.css").text


def check_a_websocket_echoes(url: str) -> None:
    assert_echoes(f"{url}/echo")


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]


def check_a_slash_is_added_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/docs")) == f"{url}/docs/"


def check_its_page_finds_its_document(url: str) -> None:
    assert 'url: "openapi.json"' in get(f"{url}/docs/").text
    assert "/where" in get(f"{url}/docs/openapi.json").json()["paths"]
