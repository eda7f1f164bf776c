"""The ways of other frameworks to combine many apps behind one server; each is imported only if it is installed."""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.calls import Together
from benchmarks.small_apps import ROUTES, prefix_of, small_app

# A folder of fastapi-hive contains these files.
ENDPOINT = {
    "__init__.py": "from . import router, service\n",
    "service/__init__.py": "",
    "router/__init__.py": (
        "from fastapi import APIRouter\n\nfrom benchmarks.small_apps import add_routes\n\n"
        "router = APIRouter()\nadd_routes(router)\n"
    ),
}


async def litestar_routers(count: int, stack: AsyncExitStack) -> Together:
    """Register a Litestar router for each app, as in Litestar's documentation."""
    from litestar import Litestar, Router

    root = Litestar([Router(prefix_of(number), route_handlers=_litestar_handlers()) for number in range(count)])
    apps = [Litestar(_litestar_handlers()) for _ in range(count)]
    return Together(root, apps, _prefixes(count), knows_its_prefix=False)


async def litestar_mount(count: int, stack: AsyncExitStack) -> Together:
    """Mount whole Litestar apps in one."""
    from litestar import Litestar, asgi

    apps = [Litestar(_litestar_handlers()) for _ in range(count)]
    root = Litestar([asgi(prefix_of(number), is_mount=True, copy_scope=True)(app) for number, app in enumerate(apps)])
    return Together(root, apps, _prefixes(count), knows_its_prefix=False)


def _litestar_handlers() -> list[object]:
    from litestar import get

    async def answer() -> dict[str, int]:
        return {"note": 7}

    return [get(f"/{number}")(answer) for number in range(ROUTES)]


async def blacksheep_mount(count: int, stack: AsyncExitStack) -> Together:
    """Mount BlackSheep apps in one."""
    from blacksheep import Application, Router

    async def answer() -> dict[str, int]:
        return {"note": 7}

    def app() -> Application:
        made = Application(router=Router())
        for number in range(ROUTES):
            made.router.add_get(f"/{number}", answer)
        return made

    root = Application(router=Router())
    apps = [app() for _ in range(count)]
    for number, each in enumerate(apps):
        root.mount(prefix_of(number), each)
    for each in (root, *apps):
        await each.start()
    return Together(root, apps, _prefixes(count), knows_its_prefix=False)


async def hive(count: int, stack: AsyncExitStack) -> Together:
    """Let fastapi-hive discover a folder for each app, without its log lines for each request."""
    from fastapi import FastAPI
    from fastapi_hive.ioc_framework import IoCFramework, di_container
    from loguru import logger

    logger.remove()
    # fastapi-hive keeps the apps that it has discovered before in the process.
    di_container.reset_singletons()
    root = FastAPI()
    framework = IoCFramework(root)
    framework.config.ENDPOINT_PACKAGE_PATHS = [_hive_folder(count, stack)]
    framework.config.CORNERSTONE_PACKAGE_PATH = "./cornerstones"
    framework.config.HIDE_ENDPOINT_CONTAINER_IN_API = True
    framework.init_modules()
    await stack.enter_async_context(root.router.lifespan_context(root))
    found = [endpoint.name for endpoint in di_container.endpoint_container().endpoints.values()]
    return Together(root, [small_app() for _ in found], [f"/{name}" for name in found])


def _hive_folder(count: int, stack: AsyncExitStack) -> str:
    """Write a folder for each app, and return its path in requests: fastapi-hive names modules after it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "cornerstones").mkdir()
    for number in range(count):
        for name, text in ENDPOINT.items():
            file = folder / f"endpoints{count}" / prefix_of(number).strip("/") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    return f"./endpoints{count}"


def _prefixes(count: int) -> list[str]:
    return [prefix_of(number) for number in range(count)]


WAYS: dict[str, Callable[[int, AsyncExitStack], Awaitable[Together]]] = {
    "Litestar Router": litestar_routers,
    "Litestar mount": litestar_mount,
    "BlackSheep mount": blacksheep_mount,
    "fastapi-hive": hive,
}

PACKAGES = {
    "Litestar Router": ("litestar", "msgspec"),
    "Litestar mount": ("litestar", "msgspec"),
    "BlackSheep mount": ("blacksheep",),
    "fastapi-hive": ("fastapi-hive", "fastapi", "starlette"),
}


async def together(name: str, count: int, stack: AsyncExitStack) -> Together:
    """Combine that many apps in one of the ways."""
    return await WAYS[name](count, stack)
