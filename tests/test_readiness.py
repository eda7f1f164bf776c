"""A cornerstone that can say whether it can serve now is asked by `/readyz`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import composer
from composer import App, Cornerstone


class AwayError(Exception):
    pass


class Warehouse:
    """A cornerstone that answers as the test says."""

    def __init__(self, answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.answer = answer
        self.asked = 0

    async def check_ready(self) -> None:
        self.asked += 1
        await self.answer()


async def fine() -> None:
    pass


async def away() -> None:
    raise AwayError("at postgresql://ada:secret@far")


async def ask(warehouse: Warehouse, times: int = 1) -> list[httpx.Response]:
    def make() -> Warehouse:
        return warehouse

    root = composer.compose([App("shop", "/shop", FastAPI)], cornerstones=[Cornerstone("warehouse", make)])
    async with (
        root.router.lifespan_context(root),
        httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client,
    ):
        return await asyncio.gather(*(client.get("/readyz") for _ in range(times)))


def part(answer: httpx.Response, name: str) -> Any:
    return next(row for row in answer.json()["parts"] if row["name"] == name)


def test_a_cornerstone_that_can_serve_is_up() -> None:
    [answer] = asyncio.run(ask(Warehouse(fine)))
    assert answer.status_code == 200
    assert part(answer, "warehouse")["state"] == "up"


def test_one_that_cannot_is_named_with_the_kind_of_its_error_and_no_word_of_its_text() -> None:
    [answer] = asyncio.run(ask(Warehouse(away)))
    assert answer.status_code == 503
    assert part(answer, "warehouse") == {
        "kind": "cornerstone",
        "name": "warehouse",
        "state": "not ready",
        "reason": "not ready: AwayError",
        "required": True,
    }
    assert part(answer, "shop")["state"] == "up"
    assert "secret" not in answer.text


def test_it_is_up_again_as_soon_as_it_says_so() -> None:
    warehouse = Warehouse(away)

    async def away_once() -> None:
        warehouse.answer = fine
        raise AwayError

    warehouse.answer = away_once

    async def twice() -> list[int]:
        def make() -> Warehouse:
            return warehouse

        root = composer.compose([], cornerstones=[Cornerstone("warehouse", make)])
        transport = httpx.ASGITransport(root)
        async with (
            root.router.lifespan_context(root),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return [(await client.get("/readyz")).status_code for _ in range(2)]

    assert asyncio.run(twice()) == [503, 200]


async def out_of_time() -> None:
    raise TimeoutError("no connection free")


async def abandoned() -> None:
    """Wait for what somebody else gives up."""
    waiting = asyncio.get_running_loop().create_future()
    waiting.cancel()
    await waiting


@pytest.mark.parametrize(("check", "kind"), [(out_of_time, "TimeoutError"), (abandoned, "CancelledError")])
def test_an_exception_of_the_check_is_reported_by_its_type(
    check: Callable[[], Coroutine[Any, Any, None]], kind: str
) -> None:
    [answer] = asyncio.run(ask(Warehouse(check)))
    assert answer.status_code == 503
    assert part(answer, "warehouse")["reason"] == f"not ready: {kind}"


def test_a_request_that_is_cancelled_does_not_cancel_the_check_for_others() -> None:
    async def two() -> tuple[bool, int]:
        asked, over = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            asked.set()
            await over.wait()

        def make() -> Warehouse:
            return Warehouse(slow)

        root = composer.compose([], cornerstones=[Cornerstone("warehouse", make)])
        transport = httpx.ASGITransport(root)
        async with (
            root.router.lifespan_context(root),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            leaving, staying = (asyncio.create_task(client.get("/readyz")) for _ in range(2))
            await asked.wait()
            leaving.cancel()
            await asyncio.wait({leaving})
            over.set()
            return leaving.cancelled(), (await staying).status_code

    assert asyncio.run(two()) == (True, 200)


class Plain:
    def check_ready(self) -> bool:
        return True


class Greedy:
    async def check_ready(self, deep: bool) -> None: ...


class Handing:
    def check_ready(self) -> Coroutine[Any, Any, None]:
        return fine()


def stone(kind: type[Any]) -> Cornerstone:
    def make() -> Any:
        return kind()

    make.__annotations__["return"] = kind
    return Cornerstone("stone", make)


@pytest.mark.parametrize(
    ("kind", "why"),
    [(Plain, "it is not an async def"), (Greedy, "it cannot be called with no arguments")],
)
def test_a_check_that_can_not_be_awaited_is_a_mistake(kind: type[Any], why: str) -> None:
    app = composer.compose([], cornerstones=[stone(kind)])
    [found] = composer.composition_of(app).warnings
    assert (found.id, found.what) == (
        "C063",
        f"check_ready() of {kind.__name__} cannot be awaited by /readyz: {why}.",
    )


def test_a_check_that_is_annotated_to_return_an_awaitable_is_no_problem() -> None:
    with TestClient(composer.compose([], cornerstones=[stone(Handing)])) as client:
        assert client.get("/readyz").status_code == 200


def test_one_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer._observe.health.CHECK_TIMEOUT", 0.05)

    async def hang() -> None:
        await asyncio.sleep(3600)

    [answer] = asyncio.run(ask(Warehouse(hang)))
    assert answer.status_code == 503
    assert part(answer, "warehouse")["reason"] == "not ready: no answer within 0.05 seconds"


def test_many_that_want_to_know_at_once_ask_it_once() -> None:
    warehouse = Warehouse(lambda: asyncio.sleep(0.05))
    answers = asyncio.run(ask(warehouse, times=20))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert warehouse.asked == 1


def test_it_is_not_asked_before_anything_has_started() -> None:
    warehouse = Warehouse(fine)

    def make() -> Warehouse:
        return warehouse

    async def unstarted() -> httpx.Response:
        root = composer.compose([], cornerstones=[Cornerstone("warehouse", make)])
        transport = httpx.ASGITransport(root)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/readyz")

    assert asyncio.run(unstarted()).status_code == 503
    assert warehouse.asked == 0
