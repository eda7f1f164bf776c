"""Small documents to merge, and the real ones that lie beside the checkout."""

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "openapi"


def document(schemas: Json | None = None, paths: Json | None = None, openapi: str = "3.1.0", **more: Any) -> Json:
    """Return a document; without `paths`, one operation that answers with the schema `Root`."""
    components = {"schemas": schemas} if schemas is not None else {}
    components.update(more.pop("components", {}))
    return {
        "openapi": openapi,
        "info": {"title": "T", "version": "1"},
        "paths": paths if paths is not None else {"/": {"get": answering(ref("Root"))}},
        "components": components,
        **more,
    }


def answering(schema: Json, **more: Any) -> Json:
    """Return an operation that answers with a schema."""
    content = {"application/json": {"schema": schema}}
    return {"responses": {"200": {"description": "OK", "content": content}}, **more}


def ref(name: str, section: str = "schemas") -> Json:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{section}/{name}"}


def text(**more: Any) -> Json:
    """Return the schema of an object with one property."""
    return {"type": "object", "properties": {"text": {"type": "string", **more}}}


@cache
def real(name: str) -> Json:
    """Return one of the real documents; it mustn't be changed."""
    found: Json = json.loads(lzma.decompress((FOLDER / f"{name}.json.xz").read_bytes()))
    return found


def real_names() -> list[str]:
    """Return the names of the real documents, none where they don't lie there."""
    return sorted(path.name.removesuffix(".json.xz") for path in FOLDER.glob("*.json.xz"))
