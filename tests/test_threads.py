"""The threads of each app: its own, whatever the others do with theirs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI

import composer
from composer._dispatch.threads import POOL, Pool, install_per_app_threads

pytestmark = pytest.mark.anyio


def limiter() -> anyio.CapacityLimiter:
    return to_thread.current_default_thread_limiter()


def of(pool: Pool | None, tokens: int | None = None) -> float:
    """Return how many threads a pool has; with `tokens`, set it first."""
    before = POOL.set(pool)
    try:
        if tokens is not None:
            limiter().total_tokens = tokens
        return limiter().total_tokens
    finally:
        POOL.reset(before)


async def blocked(pool: Pool | None, event: threading.Event) -> None:
    POOL.set(pool)
    await to_thread.run_sync(event.wait, 10)


async def quick(pool: Pool | None) -> str:
    POOL.set(pool)
    return await to_thread.run_sync(lambda: "answered")


async def test_one_app_can_not_take_the_threads_of_another_or_of_the_root() -> None:
    install_per_app_threads()
    stuck, other, release = Pool(), Pool(), threading.Event()
    tasks = [asyncio.create_task(blocked(stuck, release)) for _ in range(60)]
    try:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            assert [await asyncio.create_task(quick(pool)) for pool in (other, None)] == ["answered"] * 2
        late = asyncio.create_task(quick(stuck))
        await asyncio.sleep(0.05)
        assert not late.done()
    finally:
        release.set()
    await asyncio.gather(late, *tasks)


async def test_each_app_has_as_many_threads_as_an_app_that_is_served_alone() -> None:
    before = limiter().total_tokens
    install_per_app_threads()
    assert of(Pool()) == of(None) == before == 40


async def test_the_number_of_threads_is_changed_as_anyio_says_for_the_one_who_asks() -> None:
    install_per_app_threads()
    one, other = Pool(), Pool()
    assert of(one, 3) == 3
    assert (of(other), of(None)) == (40, 40)


async def test_what_the_root_has_before_is_what_each_app_gets() -> None:
    limiter().total_tokens = 7
    install_per_app_threads()
    assert of(Pool()) == 7


async def test_doing_it_again_changes_nothing() -> None:
    install_per_app_threads()
    first = limiter()
    install_per_app_threads()
    assert limiter() is first


async def test_the_limiter_does_all_that_a_limiter_does() -> None:
    install_per_app_threads()
    POOL.set(Pool())
    one = limiter()
    one.total_tokens = 2
    one.acquire_nowait()
    await one.acquire_on_behalf_of("somebody")
    with pytest.raises(anyio.WouldBlock):
        one.acquire_on_behalf_of_nowait("somebody else")
    assert (one.borrowed_tokens, one.available_tokens) == (2, 0)
    assert one.statistics().total_tokens == 2
    one.release()
    one.release_on_behalf_of("somebody")
    async with one:
        assert one.borrowed_tokens == 1
    await one.acquire()
    one.release()
    assert one.borrowed_tokens == 0


# In a composition


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    async with app.router.lifespan_context(app), client:
        yield client


def tokens_app() -> FastAPI:
    app = FastAPI()

    @app.get("/{tokens}")
    async def tokens(tokens: int) -> float:
        limiter().total_tokens = limiter().total_tokens - tokens
        return limiter().total_tokens

    return app


async def test_each_app_of_a_composition_and_the_root_have_their_own() -> None:
    root = tokens_app()
    composer.compose([composer.App("a", "/a", tokens_app), composer.App("b", "/b", tokens_app)], root=root)
    async with client_of(root) as client:
        answers = [(await client.get(path)).json() for path in ("/a/30", "/a/1", "/b/2", "/3", "/a/0")]
    assert answers == [10, 9, 38, 37, 9]


async def test_a_request_for_the_root_has_the_roots_threads_whoever_was_asked_before() -> None:
    """A server may start a request in the context of the one before it on the same connection."""
    root = tokens_app()
    composer.compose([], root=root)
    async with client_of(root) as client:
        POOL.set(Pool())
        limiter().total_tokens = 3
        assert (await client.get("/0")).json() == 40


async def test_a_composition_in_another_one_has_the_threads_of_the_app_that_it_is() -> None:
    inner = tokens_app()
    composer.compose([composer.App("leaf", "/leaf", tokens_app)], root=inner)
    outer = composer.compose([composer.App("inner", "/inner", inner)])
    async with client_of(outer) as client:
        before: Any = limiter().total_tokens
        answers = [(await client.get(path)).json() for path in ("/inner/30", "/inner/leaf/5", "/inner/0")]
        assert limiter().total_tokens == before
    assert answers == [10, 35, 10]
