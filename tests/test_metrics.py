"""What Prometheus reads at `/metrics`."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY, Counter
from prometheus_client.parser import text_string_to_metric_families

import composer
from tests.conftest import Project as WriteProject

Key = tuple[str, ...]


def notes() -> FastAPI:
    app = FastAPI()

    @app.get("/{note_id}")
    async def read(note_id: int) -> int:
        return note_id

    @app.get("/break/all")
    async def fail() -> None:
        raise ValueError("broken")

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    return app


def failing() -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise ConnectionError("away")
        yield

    return FastAPI(lifespan=lifespan)


def composed(**how: Any) -> FastAPI:
    return composer.compose([composer.App("notes", "/v1/notes", notes)], **{"metrics": True, **how})


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(composed(), raise_server_exceptions=False) as client:
        yield client


def samples(text: str, name: str, *labels: str) -> dict[Key, float]:
    """Return the values of one metric by the values of these labels."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in found if sample.name == name}


def requests_of(client: TestClient) -> dict[Key, float]:
    text = client.get("/metrics").text
    return samples(text, "composer_requests_total", "app", "route", "method", "status")


def test_requests_are_counted_by_app_route_method_and_status(client: TestClient) -> None:
    for path in ("/v1/notes/1", "/v1/notes/2", "/v1/notes/x", "/v1/notes/break/all", "/docs"):
        client.get(path)
    client.post("/v1/notes/1")

    assert requests_of(client) == {
        ("notes", "/v1/notes/{note_id}", "GET", "200"): 2,
        ("notes", "/v1/notes/{note_id}", "GET", "422"): 1,
        ("notes", "/v1/notes/{note_id}", "POST", "405"): 1,
        ("notes", "/v1/notes/break/all", "GET", "500"): 1,
        ("", "/docs", "GET", "200"): 1,
    }


def test_their_times_are_counted_by_app_route_and_method(client: TestClient) -> None:
    before = time.perf_counter()
    client.get("/v1/notes/1")
    client.get("/v1/notes/x")
    passed = time.perf_counter() - before
    text = client.get("/metrics").text

    key = ("notes", "/v1/notes/{note_id}", "GET")
    labels = ("app", "route", "method")
    assert samples(text, "composer_request_seconds_count", *labels) == {key: 2}
    assert 0 < samples(text, "composer_request_seconds_sum", *labels)[key] <= passed
    assert samples(text, "composer_request_seconds_bucket", *labels, "le")[*key, "+Inf"] == 2


def test_whatever_a_client_makes_up_adds_one_row_only(client: TestClient) -> None:
    for number in range(50):
        client.get(f"/nowhere/{number}")
        client.get(f"/v1/notes/no/such/{number}")
        client.request(f"BREW{number}", "/v1/notes/1")

    assert requests_of(client) == {
        ("", "unmatched", "GET", "404"): 50,
        ("notes", "unmatched", "GET", "404"): 50,
        ("notes", "/v1/notes/{note_id}", "_OTHER", "405"): 50,
    }


def test_a_websocket_is_counted_when_it_ends_and_not_in_the_times(client: TestClient) -> None:
    flying = ("composer_requests_in_flight", "app")
    with client.websocket_connect("/v1/notes/socket") as socket:
        assert requests_of(client) == {}
        assert samples(client.get("/metrics").text, *flying) == {("notes",): 1}
        socket.send_text("bye")
    text = client.get("/metrics").text

    assert samples(text, *flying) == {("notes",): 0}
    counted = samples(text, "composer_requests_total", "route", "method", "status")
    assert counted["/v1/notes/socket", "WEBSOCKET", "101"] == 1
    assert ("/v1/notes/socket",) not in samples(text, "composer_request_seconds_count", "route")


@pytest.mark.anyio
async def test_requests_in_flight_are_counted_by_app_also_when_they_are_cancelled() -> None:
    begun = asyncio.Semaphore(0)
    app = FastAPI()

    @app.get("/")
    async def hang() -> None:
        begun.release()
        await asyncio.sleep(60)

    root = composer.compose([composer.App("slow", "/slow", app)], metrics=True)
    async with (
        root.router.lifespan_context(root),
        httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client,
    ):
        asking = [asyncio.create_task(client.get("/slow/")) for _ in range(3)]
        for _ in asking:
            await asyncio.wait_for(begun.acquire(), 10)
        during = (await client.get("/metrics")).text
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        after = (await client.get("/metrics")).text

    assert samples(during, "composer_requests_in_flight", "app") == {("slow",): 3}
    assert samples(after, "composer_requests_in_flight", "app") == {("slow",): 0}
    assert samples(after, "composer_requests_total", "app", "status")["slow", "none"] == 3


def test_each_part_is_shown_with_its_state_and_the_time_of_its_start() -> None:
    took: list[float] = []

    class Clock:
        async def __aenter__(self) -> None:
            begun = time.perf_counter()
            await asyncio.sleep(0.05)
            took.append(time.perf_counter() - begun)

        async def __aexit__(self, *error: object) -> None: ...

    def clock() -> Clock:
        return Clock()

    apps = [composer.App("notes", "/notes", notes), composer.App("bad", "/bad", failing, on_failure="degrade")]
    root = composer.compose(apps, cornerstones=[composer.Cornerstone("clock", clock)], metrics=True)
    before = time.perf_counter()
    with TestClient(root) as client:
        text = client.get("/metrics").text
    passed = time.perf_counter() - before

    states = samples(text, "composer_part_state", "kind", "name", "state")
    assert {key for key, value in states.items() if value} == {
        ("cornerstone", "clock", "up"),
        ("app", "notes", "up"),
        ("app", "bad", "failed"),
    }
    assert len(states) == 3 * len(composer.State)
    starts = samples(text, "composer_part_start_seconds", "kind", "name")
    assert took[0] <= starts["cornerstone", "clock"] <= passed


def test_two_compositions_in_one_process_count_for_themselves(client: TestClient) -> None:
    with TestClient(composed()) as other:
        other.get("/v1/notes/1")
        assert len(requests_of(other)) == 1
        assert requests_of(client) == {}


def test_what_an_app_counts_itself_is_shown_too() -> None:
    sold = Counter("tickets_sold", "Tickets that were sold.", ["kind"])
    try:
        with TestClient(composed()) as client:
            sold.labels("return").inc(3)
            text = client.get("/metrics").text
    finally:
        REGISTRY.unregister(sold)

    assert samples(text, "tickets_sold_total", "kind") == {("return",): 3}
    assert samples(text, "process_cpu_seconds_total")


def test_they_have_the_format_that_the_client_accepts(client: TestClient) -> None:
    plain = client.get("/metrics")
    new = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert new.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert new.text.endswith("# EOF\n")


def test_it_says_how_the_composition_is_before_any_start() -> None:
    text = TestClient(composed()).get("/metrics").text

    assert samples(text, "composer_part_state", "name", "state")["notes", "pending"] == 1


def test_metrics_without_the_log_count_all_the_same() -> None:
    with TestClient(composed()) as client:
        assert "x-request-id" in client.get("/v1/notes/1").headers
        assert len(requests_of(client)) == 1


def test_without_metrics_there_is_no_such_page() -> None:
    with TestClient(composed(metrics=False)) as client:
        assert client.get("/metrics").status_code == 404


def test_settings_turn_it_on(project: WriteProject) -> None:
    root = project({"settings.toml": "[composer]\nmetrics = true", "apps/__init__.py": ""})
    with TestClient(composer.build(root / "settings.toml")) as client:
        assert client.get("/metrics").status_code == 200


def test_an_app_in_the_way_of_the_page_is_a_mistake_only_where_there_is_one() -> None:
    app = composer.App("metrics", "/metrics", FastAPI)
    with pytest.raises(composer.CompositionError) as caught:
        composer.compose([app], metrics=True)

    assert [problem.id for problem in caught.value.problems] == ["C023"]
    assert composer.compose([composer.App("metrics", "/metrics", FastAPI)]) is not None
