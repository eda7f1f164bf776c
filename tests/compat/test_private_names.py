"""Nothing outside of composer/_compat names what is private to another package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

COMPOSER = Path(__file__).parents[2] / "composer"

# Documented, in spite of their underscore: of named tuples and of os.
DOCUMENTED = {"_asdict", "_replace", "_fields", "_exit"}
# Names of loggers, and of a package whose files are served.
PUBLIC_TEXTS = {"uvicorn.access", "uvicorn.error", "fastapi_offline"}
OTHERS = "anyio|asyncio|contextlib|datasette|engineio|falcon|fastapi|gunicorn|opentelemetry|pydantic|starlette|uvicorn"
KEY_OR_CLASS = re.compile(rf"(?:{OTHERS})[._][\w.]+")
# Private in spite of their names: keys, attributes and texts of others that composer reads in _compat only.
PRIVATE = {
    *("fastapi", "fastapi_inner_astack", "app_root_path", "effective_route_context", "original_route", "color_message"),
    *(
        "shutdown_failed",
        "iter_route_contexts",
        "STARTUP_FAILURE",
        "MAX_BODY_SIZE_SCOPE_KEY",
        "co_filename",
        "low_priority",
    ),
    *("middleware_stack", "build_middleware_stack", "lifespan_context", "user_middleware", "on_startup"),
    *("WebSocket %s", "circular import", "Invalid args for response field"),
}
BY_NAME = {"getattr", "hasattr", "setattr", "delattr", "attrgetter"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def own_names(tree: ast.Module) -> set[str]:
    """Return every private name that a module itself defines: functions, classes, attributes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            names.add(node.attr)
    return names


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def texts_of_docstrings(tree: ast.Module) -> set[int]:
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def private_names(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Yield what a module names that is private to another package, with its line."""
    docstrings = texts_of_docstrings(tree)
    for node in ast.walk(tree):
        for name in _names_in(node, own, docstrings):
            yield f"{getattr(node, 'lineno', 0)}: {name}"


def _names_in(node: ast.AST, own: set[str], docstrings: set[int]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if any(map(is_private, alias.name.split("."))))
    elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] != "composer":
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if any(map(is_private_or_listed, name.split(".")[1:])))
    elif isinstance(node, ast.Attribute) and is_private_or_listed(node.attr):
        if node.attr not in own | DOCUMENTED:
            yield f".{node.attr}"
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        yield from (text for text in texts if any(map(is_private, text.split("."))) and text not in own | DOCUMENTED)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and is_own_mapping(node.value):
        yield from (str(text) for text in [node.slice.value] if is_private(str(text)) and text not in own)
    elif isinstance(node, ast.Constant) and id(node) not in docstrings and is_key_or_class(node.value):
        yield repr(node.value)


def is_key_or_class(value: object) -> bool:
    if not isinstance(value, str) or value in PUBLIC_TEXTS:
        return False
    return bool(KEY_OR_CLASS.fullmatch(value)) or value in PRIVATE


def is_private_or_listed(name: str) -> bool:
    return is_private(name) or name in PRIVATE


def is_own_mapping(node: ast.expr) -> bool:
    """Return whether an expression is `vars(...)` or a `__dict__`, in which each key is an attribute."""
    is_vars = isinstance(node, ast.Call) and ast.unparse(node.func) == "vars"
    return is_vars or (isinstance(node, ast.Attribute) and node.attr == "__dict__")


def test_nothing_outside_of_compat_names_what_is_private_to_another_package() -> None:
    files = [file for file in sorted(COMPOSER.rglob("*.py")) if "_compat" not in file.parts]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    found = [
        f"{file.relative_to(COMPOSER)}:{name}"
        for file, tree in trees.items()
        for name in private_names(tree, own_names(tree))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from starlette._utils import get_route_path", "starlette._utils.get_route_path"),
        ("from opentelemetry import _logs", "opentelemetry._logs"),
        ("import anyio._backends", "anyio._backends"),
        ("app.router._low_priority_routes", "._low_priority_routes"),
        ('getattr(app, "_telemetry", None)', "_telemetry"),
        ("from fastapi.routing import iter_route_contexts", "fastapi.routing.iter_route_contexts"),
        ("frame = sys._getframe(1)", "._getframe"),
        ("included.original_route", ".original_route"),
        ('vars(lifespan)["_router"]', "_router"),
        ('app.__dict__["_telemetry"]', "_telemetry"),
        ('scope.get("fastapi")', "'fastapi'"),
        ('"circular import" in text', "'circular import'"),
        ('key = "starlette._body_limit_responder"', "'starlette._body_limit_responder'"),
        ('scope["fastapi_inner_astack"]', "'fastapi_inner_astack'"),
        ('kind = "engineio.async_drivers.asgi.ASGIApp"', "'engineio.async_drivers.asgi.ASGIApp'"),
    ],
)
def test_what_is_private_is_found(code: str, name: str) -> None:
    assert list(private_names(ast.parse(code), {"_own"})) == [f"1: {name}"]


@pytest.mark.parametrize(
    "code",
    [
        "self._own",
        "plan._replace(apps=())",
        '"""fastapi._body_limit"""',
        "from composer._text import listed",
        "_own = 1",
    ],
)
def test_what_is_composers_own_or_documented_may_be_named(code: str) -> None:
    assert list(private_names(ast.parse(code), {"_own"})) == []
