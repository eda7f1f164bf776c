"""The files that the pages load: the viewers', from the package fastapi-offline, and our own."""

import hashlib
import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from composer._docs.content import Content

log = logging.getLogger("composer")

_NOT_LOCAL = "the docs pages load their assets from a CDN, as FastAPI's own do: %s"
_VIEWER = "swagger-ui-bundle.js"
_OWN_FOLDER = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}


async def asset(request: Request) -> Response:
    """Return one file by its name; raise HTTPException with status 404 for an unknown name."""
    path = _paths().get(request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    content = await run_in_threadpool(_content, path)
    return content.response(request, "public, max-age=86400")


@cache
def _paths() -> dict[str, Path]:
    files = [file for folder in (viewers_folder(), _OWN_FOLDER) if folder for file in folder.iterdir()]
    return {path.name: path for path in files if path.suffix in _TYPES}


@cache
def assets_version() -> str:
    """Return a version that changes with any file; as part of a URL, it invalidates the browser's cache."""
    files = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in sorted(_paths().items())]
    return hashlib.sha256(repr(files).encode()).hexdigest()[:8]


# Cached once for all pages of the process.
@cache
def _content(path: Path) -> Content:
    return Content.of(path.read_bytes(), _TYPES[path.suffix])


@cache
def viewers_folder() -> Path | None:
    """Return the folder of the viewers; None, after a warning in the log, if there is none."""
    # Located without importing it, because only its files are needed.
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        log.warning(_NOT_LOCAL, "to serve them locally, pip install 'fastapi-composer[standard]'")
        return None
    # fastapi-offline 1.7 has them in static/.
    folder = next((file.parent for file in Path(spec.origin).parent.rglob(_VIEWER)), None)
    if folder is None:
        log.warning(_NOT_LOCAL, "this release of fastapi-offline is not supported")
    return folder
