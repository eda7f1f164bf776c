"""A model is replaced while a real server is asked: no request fails, and each answer is one model's."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT

import httpx
import joblib
import pytest

from apps.house_price._predict import Block, values
from composer.contrib.auth import hash_key, new_key
from tests.blocks import BLOCK
from tests.serving import REPOSITORY, Server, serving

KEY = new_key()
ARTEFACTS = REPOSITORY / "artefacts"
BLOCKS = [{**BLOCK, "median_house_age_in_block": age} for age in range(50)]
CLIENTS = 12

# Each way to serve, and how many processes answer.
SERVED = {
    "uvicorn": (["uvicorn", "asgi:app", "--port", "{port}"], 1),
    "preloaded workers": (["composer", "serve", "--port", "{port}", "--workers", "2", "--preload"], 2),
}


def predicted(artefact: str) -> list[float]:
    """Return what a model predicts for all the blocks, without any server."""
    model = joblib.load(ARTEFACTS / f"{artefact}.joblib")
    return values(model, [Block(**block).features() for block in BLOCKS])


@dataclass
class Answers:
    """What came: when it was asked for, and which model's answer it was; and what was no answer of one model."""

    models: dict[str, list[float]]
    by: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)

    def take(self, asked: float, found: object, at: int | None = None) -> None:
        """Note the answer for the block at a place, or for all of them."""
        names = [name for name, of_all in self.models.items() if found == (of_all if at is None else of_all[at])]
        if len(names) == 1:
            self.by.append((asked, names[0]))
        else:
            self.wrong.append(found)

    def since(self, moment: float) -> set[str]:
        return {name for asked, name in self.by if asked >= moment}


async def ask(http: httpx.AsyncClient, answers: Answers, prefix: str) -> None:
    """Ask for one block after the other, and now and then for all at once."""
    number = 0
    while True:
        number += 1
        at, asked = number % len(BLOCKS), time.monotonic()
        if at:
            answer = await http.post(f"{prefix}/predict", json=BLOCKS[at])
            answers.take(asked, answer.json().get("median_house_value"), at)
        else:
            answer = await http.post(f"{prefix}/predict/batch", json={"blocks": BLOCKS})
            answers.take(asked, answer.json().get("median_house_values"))


async def under_load(server: Server, answers: Answers, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work while many clients ask."""
    async with httpx.AsyncClient(base_url=server.url, headers={"token": KEY}, timeout=30) as http:
        prefixes = ["/house_price", "/valuation"] * (CLIENTS // 2)
        clients = [asyncio.create_task(ask(http, answers, prefix)) for prefix in prefixes]
        await work()
        ended = [client for client in clients if client.done()]
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    assert not ended, f"a client ended: {ended[0].exception()!r}"


async def promote(file: Path, environment: dict[str, str]) -> tuple[int | None, str]:
    """Run the command in a process of its own; return its status, and what it printed."""
    command = [sys.executable, "-m", "composer", "models", "promote", "house_price", str(file)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env=environment, stdout=PIPE, stderr=STDOUT
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def until(holds: Callable[[], bool], server: Server) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, server.output
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", SERVED)
def test_under_load_each_answer_is_of_the_old_model_or_of_the_new_and_then_of_the_new(way: str, tmp_path: Path) -> None:
    arguments, processes = SERVED[way]
    folder = shutil.copytree(ARTEFACTS, tmp_path / "artefacts")
    environment = {
        "COMPOSER_CORNERSTONES__MODELS__FOLDER": str(folder),
        "COMPOSER_CORNERSTONES__AUTH__KEYS": json.dumps([hash_key(KEY)]),
        "COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{tmp_path / 'app.db'}",
    }
    answers = Answers({"old": predicted("house_price"), "new": predicted("house_price_linear")})
    with serving(arguments, REPOSITORY, tmp_path / "log", environment) as server:
        server.wait_until_ready()

        async def replace() -> None:
            await until(lambda: server.output.count("Application startup complete") >= processes, server)
            await until(lambda: bool(answers.by), server)
            status, printed = await promote(damaged(tmp_path), environment)
            assert (status, "found: SHA-256" in printed) == (1, True), printed
            assert answers.since(0) == {"old"}
            status, printed = await promote(ARTEFACTS / "house_price_linear.joblib", environment)
            assert status == 0, printed
            await until(lambda: server.output.count("house_price: new model loaded") >= processes, server)
            answers.by.append((swapped := time.monotonic(), "swapped"))
            await until(lambda: answers.since(swapped) > {"swapped"}, server)

        asyncio.run(under_load(server, answers, replace))
        server.stop()
    assert answers.wrong == []
    [swapped] = [moment for moment, name in answers.by if name == "swapped"]
    assert answers.since(swapped) == {"swapped", "new"}


def damaged(folder: Path) -> Path:
    """Write an artefact whose file was damaged on its way."""
    for ending in (".joblib", ".json"):
        shutil.copy(ARTEFACTS / f"house_price_linear{ending}", folder / f"damaged{ending}")
    file = folder / "damaged.joblib"
    file.write_bytes(file.read_bytes()[:-1])
    return file
