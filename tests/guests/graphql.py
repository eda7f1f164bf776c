"""The client's side of GraphQL: a query by POST, and a subscription over a WebSocket."""

import json
from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.guests.pages import PATIENCE, websocket


def query(url: str, text: str) -> Any:
    """Return the data that a query or a mutation is answered with."""
    response = httpx.post(url, json={"query": text}, timeout=PATIENCE)
    assert response.status_code == 200, f"POST {url} answered {response.status_code}: {response.text[:200]}"
    return response.json()["data"]


def subscribe(url: str, text: str) -> list[Any]:
    """Return all data of a subscription, by the protocol graphql-transport-ws.

    Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
    """
    found = []
    with connect(websocket(url), subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(PATIENCE))["type"] == "connection_ack"
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": text}}))
        while (message := json.loads(socket.recv(PATIENCE)))["type"] == "next":
            found.append(message["payload"]["data"])
        assert message["type"] == "complete", message
    return found
