"""Methods that have nearly the name of a hook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging import Logger
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest

from composer._checks.hooks import misspelt_hooks


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
        *[(name, "check_ready") for name in ("check_ready_now", "checks_ready", "check_redy")],
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
