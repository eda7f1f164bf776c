"""Clients that write notes and read them, and what they saw: what was acknowledged has to be there later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

# Seconds without an answer that count as a hang.
HANG = 10.0

# Shorter than the server keeps an idle connection open, so that no request meets one that is being closed.
KEEP_ALIVE = 2.0


class Clients:
    """Clients that work as fast as they are answered, and all that they saw, of any number of servers.

    `acknowledged` holds each note that was answered with 201, by its id; `refused` counts 503 with Retry-After, and
    `refusals` are their texts; `cut` counts the requests that the server's end broke off; `wrong` tells whatever else
    came, a hang included.
    """

    def __init__(self) -> None:
        self.acknowledged: dict[int, str] = {}
        self.reads = 0
        self.refused = 0
        self.refusals: set[str] = set()
        self.cut = 0
        self.wrong: list[str] = []
        self._written = 0
        self._are_done = False

    @asynccontextmanager
    async def at_work(self, url: str, count: int) -> AsyncIterator[None]:
        """Keep that many of them at work until the block is left; each finishes what it has begun."""
        self._are_done = False
        limits = httpx.Limits(keepalive_expiry=KEEP_ALIVE)
        async with (
            httpx.AsyncClient(base_url=url, timeout=HANG, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(count):
                group.create_task(self._work(http))
            try:
                yield
            finally:
                self._are_done = True

    async def missing(self, url: str) -> list[int]:
        """Return the ids of the acknowledged notes that aren't there, or are others."""
        found: dict[int, str] = {}
        async with httpx.AsyncClient(base_url=url, timeout=HANG) as http:
            while page := (await http.get("/notes", params={"skip": len(found), "limit": 1000})).json()["items"]:
                found |= {note["id"]: note["text"] for note in page}
        return [id for id, text in self.acknowledged.items() if found.get(id) != text]

    async def _work(self, http: httpx.AsyncClient) -> None:
        while not self._are_done:
            self._written += 1
            text = f"note {self._written}"
            made = await self._ask(http, "POST", {"text": text}, expected=201)
            if made is not None:
                self.acknowledged[made.json()["id"]] = text
            listed = await self._ask(http, "GET", None, expected=200)
            self.reads += listed is not None

    async def _ask(
        self, http: httpx.AsyncClient, method: str, body: dict[str, str] | None, expected: int
    ) -> httpx.Response | None:
        try:
            answer = await http.request(method, "/notes/?limit=1" if body is None else "/notes", json=body)
        except httpx.TimeoutException:
            self.wrong.append(f"{method}: no answer within {HANG:g} seconds")
            return None
        except httpx.TransportError:
            self.cut += 1
            await asyncio.sleep(0.01)
            return None
        if answer.status_code == expected:
            return answer
        if answer.status_code == 503 and int(answer.headers.get("retry-after", 0)) > 0:
            self.refused += 1
            self.refusals.add(answer.text)
            await asyncio.sleep(0.02)
        else:
            self.wrong.append(f"{method}: {answer.status_code} {answer.text[:200]}")
        return None
