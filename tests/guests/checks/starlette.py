"""Starlette: state of its lifespan, its addresses, its session, its WebSocket."""

from urllib.parse import urlsplit

from websockets.sync.client import connect

from tests.guests.pages import client, get, redirect_of, websocket

PACKAGE = "starlette"


def check_the_state_of_its_lifespan_is_there(url: str) -> None:
    assert get(f"{url}/").json()["greeting"] == "hello"


def check_addresses_lead_to_what_they_name(url: str) -> None:
    named = get(f"{url}/").json()
    assert get(named["item"]).text == f"{url}/box/items/3"
    assert "body" in get(named["style"]).text


def check_a_redirect_stays_inside_and_the_session_is_kept(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/count")) == f"{url}/visits"
        assert browser.get("/visits").json() == {"visits": 1}


def check_a_slash_is_taken_away_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/count/")) == f"{url}/count"


def check_a_websocket_has_the_state_and_knows_its_address(url: str) -> None:
    path = urlsplit(url).path
    with connect(websocket(f"{url}/echo")) as socket:
        socket.send("hi")
        assert socket.recv(10) == f"hi hello {path}/echo"
