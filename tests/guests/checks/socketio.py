"""python-socketio, as its own client sees it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import socketio

from tests.guests.pages import get

PACKAGE = "python-socketio"


@asynccontextmanager
async def connected(url: str, *transports: str) -> AsyncIterator[Any]:
    client = socketio.AsyncClient()
    # The client takes the path of the server from this parameter alone.
    path = f"{urlsplit(url).path}/socket.io"
    await client.connect(url, transports=list(transports), socketio_path=path)
    try:
        yield client
    finally:
        await client.disconnect()


async def check_an_event_is_answered_over_polling(url: str) -> None:
    async with connected(url, "polling") as client:
        assert await client.call("echo", {"n": 1}, timeout=10) == {"n": 1}


async def check_an_event_is_answered_over_a_websocket(url: str) -> None:
    async with connected(url, "websocket") as client:
        assert await client.call("echo", "hello", timeout=10) == "hello"


async def check_a_client_changes_from_polling_to_a_websocket(url: str) -> None:
    async with connected(url, "polling", "websocket") as client:
        assert client.transport() == "websocket"


async def check_a_room_receives_an_event_and_the_startup_ran(url: str) -> None:
    async with connected(url, "websocket") as client:
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.on("joined", told.set_result)
        await client.emit("join", "lobby")
        assert await asyncio.wait_for(told, 10) == {"room": "lobby", "started": ["yes"]}


def check_a_handshake_is_answered(url: str) -> None:
    assert '"sid"' in get(f"{url}/socket.io/?EIO=4&transport=polling").text
