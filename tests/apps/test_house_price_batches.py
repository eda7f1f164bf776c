"""Predictions that are made together: many in one request, and those of many requests."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import composer
from apps import house_price
from composer.contrib import auth, models
from composer.contrib.auth import hash_key, new_key
from tests.blocks import BLOCK
from tests.serving import REPOSITORY

KEY = new_key()
PREDICT, BATCH = "/house_price/predict", "/house_price/predict/batch"


class HeldModel:
    """Predict the income, but hold each prediction until all are let go."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def predict(self, X: Any) -> Any:  # noqa: N803
        self.rows += X.tolist()
        self.begun.set()
        assert self.may_go_on.wait(10)
        return np.array([row[0] for row in X])


IN_MEMORY: list[object] = []


def from_memory() -> object:
    """Return the model that the test has put there last."""
    return IN_MEMORY[-1]


class FromMemory:
    """Stand in an artefact for a model that the test holds in its hands."""

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return from_memory, ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An artefact that holds what the test puts in memory."""
    models.write_artefact(tmp_path, "house_price", FromMemory(), {})
    return tmp_path


def composed(folder: Path, model: object = None, **settings: object) -> FastAPI:
    IN_MEMORY.append(model)
    artefacts = {"folder": folder, "trusted": [f"{__name__}:from_memory"]}
    cornerstones = [
        composer.Cornerstone("auth", auth.create_cornerstone, settings={"keys": [hash_key(KEY)]}),
        composer.Cornerstone("models", models.create_cornerstone, settings=artefacts),
    ]
    app = composer.App("house_price", "/house_price", house_price.create_app, settings=settings)
    return composer.compose([app], cornerstones=cornerstones, metrics=True)


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    with TestClient(composed(REPOSITORY / "artefacts"), headers={"token": KEY}) as client:
        yield client


def blocks(count: int) -> list[dict[str, float]]:
    return [{**BLOCK, "median_house_age_in_block": number % 50} for number in range(count)]


def test_a_batch_is_predicted_as_its_blocks_are_alone_in_their_order(http: TestClient) -> None:
    alone = [http.post(PREDICT, json=block).json()["median_house_value"] for block in blocks(20)]
    together = http.post(BATCH, json={"blocks": blocks(20)}).json()
    assert together == {"median_house_values": alone, "currency": "USD"}
    assert len(set(alone)) > 5


def test_requests_at_the_same_time_are_answered_as_they_are_alone(http: TestClient) -> None:
    alone = [http.post(PREDICT, json=block).json() for block in blocks(50)]
    with ThreadPoolExecutor(25) as pool:
        assert list(pool.map(lambda block: http.post(PREDICT, json=block).json(), blocks(50))) == alone


def test_a_batch_has_ten_thousand_blocks_at_most_and_one_at_least(http: TestClient) -> None:
    assert len(http.post(BATCH, json={"blocks": blocks(10_000)}).json()["median_house_values"]) == 10_000
    for wrong in (10_001, 0):
        answer = http.post(BATCH, json={"blocks": blocks(wrong)})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "blocks"])


def test_a_batch_with_wrong_blocks_is_answered_with_the_first_of_them(http: TestClient) -> None:
    wrong = [{**block, "average_rooms": -1} if number > 3 else block for number, block in enumerate(blocks(1000))]
    answer = http.post(BATCH, json={"blocks": wrong})
    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", "blocks", 4, "average_rooms"]]


def test_the_metrics_tell_how_many_rows_wait_and_how_large_the_batches_are(folder: Path) -> None:
    model = HeldModel()
    with TestClient(composed(folder, model), headers={"token": KEY}) as http, ThreadPoolExecutor(4) as pool:
        rows, sizes = metric(http, "batches_rows_sum"), metric(http, "batches_rows_count")
        asked = [pool.submit(http.post, PREDICT, json=BLOCK)]
        assert model.begun.wait(10)
        asked += [pool.submit(http.post, PREDICT, json=BLOCK) for _ in range(2)]
        while metric(http, "batches_waiting_rows") < 3:
            pass
        model.may_go_on.set()
        answered(asked, 3)

        assert metric(http, "batches_waiting_rows") == 0
        assert metric(http, "batches_rows_sum") - rows == 3
        assert metric(http, "batches_rows_count") - sizes == 2
        http.post(BATCH, json={"blocks": blocks(2)})
        assert metric(http, "batches_rows_count", "house_price tables") > 0


def test_without_a_key_no_batch_is_predicted(http: TestClient) -> None:
    assert http.post(BATCH, json={"blocks": blocks(1)}, headers={"token": "wrong"}).status_code == 401


def metric(http: TestClient, name: str, batches: str = "house_price") -> float:
    """Return what `/metrics` tells of some batches."""
    label = f'{name}{{batches="{batches}"}}'
    lines = http.get("/metrics").text.splitlines()
    return next(float(line.removeprefix(label)) for line in lines if line.startswith(label))


def answered(requests: list["Future[Any]"], count: int) -> list[Any]:
    """Return the first answers that come."""
    return [done.result() for done in islice(as_completed(requests, timeout=10), count)]


def test_beyond_the_queue_a_prediction_is_answered_with_503_as_documented(folder: Path) -> None:
    model = HeldModel()
    with (
        TestClient(composed(folder, model, max_queue=1), headers={"token": KEY}) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        first = pool.submit(http.post, PREDICT, json=BLOCK)
        assert model.begun.wait(10)
        others = [pool.submit(http.post, PREDICT, json=BLOCK) for _ in range(3)]
        refused = answered(others, 2)
        model.may_go_on.set()
        assert sorted(request.result().status_code for request in [first, *others]) == [200, 200, 503, 503]
        document = http.get("/openapi.json").json()
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["status"] == 503
    for path in (PREDICT, BATCH):
        foreseen = document["paths"][path]["post"]["responses"]["503"]
        assert (list(foreseen["content"]), list(foreseen["headers"])) == (["application/problem+json"], ["Retry-After"])


def test_one_prediction_does_not_wait_behind_a_batch(folder: Path) -> None:
    class Model:
        def __init__(self) -> None:
            self.begun, self.may_go_on = threading.Event(), threading.Event()

        def predict(self, X: Any) -> Any:  # noqa: N803
            if len(X) > 1:
                self.begun.set()
                assert self.may_go_on.wait(10)
            return np.zeros(len(X))

    model = Model()
    with TestClient(composed(folder, model), headers={"token": KEY}) as http, ThreadPoolExecutor(1) as pool:
        batch = pool.submit(http.post, BATCH, json={"blocks": blocks(2)})
        assert model.begun.wait(10)
        assert http.post(PREDICT, json=BLOCK).status_code == 200
        assert not batch.done()
        model.may_go_on.set()
        assert batch.result().status_code == 200


def test_the_block_of_a_client_that_left_while_it_waited_is_not_predicted(folder: Path) -> None:
    model = HeldModel()
    requests = [{**BLOCK, "median_income_in_block": income} for income in (1.0, 2.0)]

    async def run() -> None:
        app = composed(folder, model)
        async with app.router.lifespan_context(app):
            first = asyncio.create_task(call_and_leave(app, requests[0]))
            await asyncio.to_thread(model.begun.wait, 10)
            second = asyncio.create_task(call_and_leave(app, requests[1]))
            await asyncio.sleep(0.2)
            model.may_go_on.set()
            await asyncio.gather(first, second)

    asyncio.run(run())
    assert [row[0] for row in model.rows] == [1.0]


async def call_and_leave(app: FastAPI, block: dict[str, float]) -> None:
    """Call the app as a server does whose client leaves as soon as it has sent its request."""
    body = json.dumps(block).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Throw it away: nobody is there."""

    headers = [(b"token", KEY.encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": PREDICT,
             "raw_path": PREDICT.encode(), "query_string": b"", "root_path": "", "headers": headers, "state": {},
             "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "asgi": {"version": "3.0"}}  # fmt: skip
    await app(scope, receive, send)
