"""Methods that have nearly the name of a hook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging import Logger
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from composer import App, Cornerstone, compose
from composer._checks.hooks import check_hooks, misspelt_hooks
from composer._model import BuiltCornerstone


def class_with(*names: str) -> type:
    async def method(self: Any, connection: Any = None) -> AsyncIterator[None]:
        yield

    return type("Audit", (), {"__module__": "shared.audit", **dict.fromkeys(names, method)})


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        *[
            (name, "around_request")
            for name in ("around_requests", "aroundRequest", "AroundRequest", "around_request_")
        ],
        *[
            (name, "around_request")
            for name in ("arround_request", "around_reqest", "aroundrequest", "around_http")[:3]
        ],
        *[(name, "serving") for name in ("serve", "serves", "served", "Serving", "serving_", "servng", "sering")],
        *[
            (name, "check_ready")
            for name in ("check_readiness", "check_ready_", "checkReady", "chek_ready", "ready_check")
        ],
        *[(name, "check_ready") for name in ("check_ready_now", "checks_ready", "check_redy", "check_readyness")],
        *[
            (name, "preload")
            for name in ("pre_load", "preLoad", "preloading", "preloads", "prelaod", "preload_", "preloda")
        ],
    ],
)
def test_a_name_that_is_near_to_a_hook_is_found(name: str, hook: str) -> None:
    assert list(misspelt_hooks(class_with(name))) == [(name, hook)]


@pytest.mark.parametrize(
    "name",
    [
        *("serving", "around_request", "check_ready", "_around_requests", "__serve__"),
        *("request", "on_request", "before_request", "check", "check_password", "ready", "is_ready", "readiness"),
        *(
            "saving",
            "server",
            "service",
            "services",
            "preserve",
            "reserve",
            "observing",
            "reload",
            "preload",
            "payload",
            "load",
            "unload",
        ),
        *("read", "receive", "starting", "enter", "close", "start", "session"),
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert list(misspelt_hooks(class_with(name))) == []


def test_a_class_that_has_the_hook_may_have_a_method_of_a_similar_name() -> None:
    assert list(misspelt_hooks(class_with("check_ready", "check_readiness"))) == []


def test_serve_is_told_only_where_it_is_written_as_the_hook_is() -> None:
    class Server:
        async def serve(self) -> None: ...

    class Audit:
        @asynccontextmanager
        async def serve(self) -> AsyncIterator[None]:
            yield

    assert list(misspelt_hooks(Server)) == []
    assert list(misspelt_hooks(Audit)) == [("serve", "serving")]


@pytest.mark.parametrize("owner", [MagicMock, httpx.AsyncClient, Logger, dict])
def test_the_classes_of_libraries_are_left_alone(owner: type) -> None:
    assert list(misspelt_hooks(owner)) == []


class Proxy:
    """An object behind which there is none yet, as that of a context variable."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("unbound")


class Unreadable:
    @property
    def serving(self) -> Any:
        raise RuntimeError("boom")


class Flagged:
    check_ready = True
    around_request = 3
    serving = None


def why_of(owner: type) -> list[tuple[str, str]]:
    problems = check_hooks(BuiltCornerstone(Cornerstone("stone", owner), owner(), owner))
    return [(problem.id, problem.what.partition(": ")[2]) for problem in problems]


@pytest.mark.parametrize(
    ("owner", "problems"),
    [
        (Proxy, []),
        (Unreadable, [("C051", "it is not a method.")]),
        (Flagged, [("C051", "it is not a method."), ("C063", "it is not a method.")]),
    ],
)
def test_a_hook_that_is_not_a_method_is_a_warning_and_its_cornerstone_starts(
    owner: type, problems: list[tuple[str, str]]
) -> None:
    def create_stone() -> owner:  # type: ignore[valid-type]
        return owner()  # type: ignore[no-any-return]

    app = FastAPI(openapi_url=None)
    app.get("/x")(lambda: 1)
    assert why_of(owner) == problems
    root = compose([App("a", "/a", app=app)], cornerstones=[Cornerstone("stone", create_stone)])
    with TestClient(root) as client:
        assert client.get("/a/x").json() == 1
        assert client.get("/readyz").status_code == 200
