import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import composer
from apps.heartbeat import create_app


@pytest.fixture
def http() -> Iterator[TestClient]:
    with TestClient(composer.compose([composer.App("heartbeat", "/heartbeat", create_app)])) as client:
        yield client


def test_it_says_that_it_is_alive_and_since_when(http: TestClient) -> None:
    before = time.monotonic()
    first, second = (http.get("/heartbeat").json() for _ in range(2))
    assert first["status"] == "alive"
    assert 0 <= first["uptime_seconds"] <= second["uptime_seconds"]
    # It was started before, so it grew by no more than what passed here, but for the rounding.
    assert second["uptime_seconds"] - first["uptime_seconds"] <= time.monotonic() - before + 0.001


def test_the_echo_sends_texts_and_bytes_back_unchanged(http: TestClient) -> None:
    with http.websocket_connect("/heartbeat/echo") as socket:
        for text in ("hello", "", "\U0001f409"):
            socket.send_text(text)
            assert socket.receive_text() == text
        socket.send_bytes(b"\x00\xff")
        assert socket.receive_bytes() == b"\x00\xff"
