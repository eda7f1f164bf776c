"""FastAPI: state, addresses, redirects, its documentation, a stream, a WebSocket, and its own sub-application."""

from websockets.sync.client import connect

from tests.guests.pages import client, events, get, redirect_of, websocket

PACKAGE = "fastapi"


def check_state_and_addresses_are_its_own(url: str) -> None:
    told = get(f"{url}/").json()
    assert told == {"greeting": "hello", "item": f"{url}/items/3"}
    assert get(told["item"]).json() == {"url": told["item"]}


def check_redirects_stay_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/old")) == f"{url}/"
        assert redirect_of(browser.get("/slashed")) == f"{url}/slashed/"


def check_its_documentation_reads_its_own_document(url: str) -> None:
    path = url.partition("//")[2].partition("/")[2]
    place = f"/{path}/openapi.json" if path else "/openapi.json"
    assert place in get(f"{url}/docs").text
    assert get(f"{url}/openapi.json").json()["info"]["title"] == "Outer"


def check_its_sub_application_knows_its_address(url: str) -> None:
    assert get(f"{url}/inner/where").json() == {"url": f"{url}/inner/where"}
    assert get(f"{url}/inner/openapi.json").json()["info"]["title"] == "Inner"


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]


def check_a_websocket_has_the_state(url: str) -> None:
    with connect(websocket(f"{url}/echo")) as socket:
        socket.send("hi")
        assert socket.recv(10) == "hi hello"
