"""The ways to combine many apps behind one server that require only FastAPI, Starlette and composer."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

import composer
from benchmarks.calls import Together
from benchmarks.small_apps import add_routes, prefix_of, small_app


def composed(apps: Sequence[FastAPI], root: FastAPI | None = None) -> FastAPI:
    """Compose them, into a root or into a new app."""
    return composer.compose(
        [composer.App(f"app{number}", prefix_of(number), lambda app=app: app) for number, app in enumerate(apps)],
        root=root,
    )


def composed_into_a_root(apps: Sequence[FastAPI]) -> FastAPI:
    """Compose them into a user's own root."""
    return composed(apps, FastAPI())


def mounted(apps: Sequence[FastAPI]) -> FastAPI:
    """Mount them with `FastAPI.mount`."""
    root = FastAPI()
    for number, app in enumerate(apps):
        root.mount(prefix_of(number), app)
    return root


def mounted_by_starlette(apps: Sequence[FastAPI]) -> Starlette:
    """Mount them with Starlette."""
    return Starlette(routes=[Mount(prefix_of(number), app) for number, app in enumerate(apps)])


def included(apps: Sequence[FastAPI]) -> FastAPI:
    """Include as many routers as there are apps, with the same routes."""
    root = FastAPI()
    for number in range(len(apps)):
        router = APIRouter(prefix=prefix_of(number))
        add_routes(router)
        root.include_router(router)
    return root


WAYS: dict[str, Callable[[Sequence[FastAPI]], Starlette]] = {
    "composer": composed,
    "composer, root given": composed_into_a_root,
    "FastAPI.mount": mounted,
    "include_router": included,
    "Starlette Mount": mounted_by_starlette,
}


PACKAGES = dict.fromkeys(WAYS, ("fastapi", "starlette", "anyio", "opentelemetry-api"))


async def together(name: str, count: int, stack: AsyncExitStack) -> Together:
    """Combine that many apps in one of the ways."""
    apps = [small_app() for _ in range(count)]
    root = WAYS[name](apps)
    if name.startswith("composer"):
        # The others serve without a lifespan; a thousand nested included routers can't start.
        await stack.enter_async_context(root.router.lifespan_context(root))
    return Together(root, apps, [prefix_of(number) for number in range(count)])
