"""Compare a merged OpenAPI document with its sources, by what they mean and by nothing that the merger wrote.

Every operation is compared fully dereferenced: references are followed on both sides at once, cycles end where
the same two places meet again. The grammar below is the checker's own.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

# What FastAPI writes besides: methods that OpenAPI has since 3.2, or not at all.
METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query", "propfind", "copy"]
SCHEMA_KEYS = [
    *("items", "additionalItems", "unevaluatedItems", "contains", "not", "additionalProperties", "contentSchema"),
    *("unevaluatedProperties", "propertyNames", "if", "then", "else"),
]
SCHEMA_LISTS = ["allOf", "anyOf", "oneOf", "prefixItems"]
SCHEMA_MAPS = ["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"]
GRAMMAR: dict[str, dict[str, str]] = {
    "schema": {
        **dict.fromkeys(SCHEMA_KEYS, "schema"),
        **dict.fromkeys(SCHEMA_LISTS, "list schema"),
        **dict.fromkeys(SCHEMA_MAPS, "map schema"),
    },
    "parameter": {"schema": "schema", "content": "map media", "examples": "map example"},
    "media": {
        "schema": "schema",
        "itemSchema": "schema",
        "examples": "map example",
        "encoding": "map encoding",
        "prefixEncoding": "list encoding",
        "itemEncoding": "encoding",
    },
    "encoding": {"headers": "map parameter", "encoding": "map encoding"},
    "body": {"content": "map media"},
    "response": {"headers": "map parameter", "content": "map media", "links": "map link"},
    "callback": {"*": "item"},
    "responses": {"*": "response"},
    "item": {"parameters": "list parameter", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "requestBody": "body",
        "responses": "responses",
        "callbacks": "map callback",
        "parameters": "list parameter",
    },
}

LITERAL = ("example", "examples", "default", "enum", "const", "x-apps")
DOCUMENTED = {("operation", "externalDocs"), ("schema", "externalDocs"), ("example", "externalValue")}


class Side:
    """One of the two documents: how its references resolve, what its names stand for."""

    def __init__(self, document: Json, prefix: str = "", keep_servers: bool = False) -> None:
        self.document = document
        self.prefix = prefix
        self.keep_servers = keep_servers
        self.old = str(document["openapi"]).startswith("3.0")
        self.operations = {
            operation["operationId"]: (prefix + path, method)
            for path, item in document.get("paths", {}).items()
            if path.startswith("/")
            for method, operation in self.item(item).items()
            if method in METHODS and "operationId" in operation
        }
        self.subtypes: dict[str, set[str]] = {}
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            for parent in self.parents({"allOf": [schema]}):
                # Another name for a schema is one more name for its subtype.
                self.subtypes.setdefault(parent, set()).add(name)

    def parents(self, schema: Any) -> Iterator[str]:
        for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
            if isinstance(part, dict) and str(part.get("$ref")).startswith("#/components/schemas/"):
                yield self.tokens(part["$ref"])[2]
            yield from self.parents(part)

    def tokens(self, reference: str) -> list[str]:
        return [
            part.replace("~1", "/").replace("~0", "~")
            for part in unquote(reference[2:], errors="surrogatepass").split("/")
        ]

    def find(self, reference: str) -> Any:
        found: Any = self.document
        for token in self.tokens(reference):
            try:
                found = found[int(token)] if isinstance(found, list) else found[token]
            except LookupError:
                return {"nothing is there": reference}
        return found

    def item(self, value: Json) -> Json:
        """Return the path item, with all of its operations by their method."""
        found: Json = self.follow(value, "item")
        more = {method.lower(): each for method, each in found.get("additionalOperations", {}).items()}
        return {key: each for key, each in found.items() if key != "additionalOperations"} | more

    def follow(self, value: Any, kind: str) -> Any:
        while isinstance(value, dict) and str(value.get("$ref")).startswith("#/"):
            if kind == "schema" and not self.old and len(value) > 1:
                return value
            value = self.find(value["$ref"])
        return value


class Checker:
    """Collect the differences between what the sources' operations mean and what the merged ones do."""

    def __init__(self, source: Side, merged: Side) -> None:
        self.source = source
        self.merged = merged
        self.found: list[str] = []
        self.seen: set[tuple[int, int, str]] = set()
        # What is compared must live as long as its id is known.
        self.kept: list[list[Json]] = []

    def complain(self, place: str, text: str) -> None:
        self.found.append(f"{place}: {text}")

    def literal(self, left: Any, right: Any, place: str) -> None:
        if not same(left, right):
            self.complain(place, f"{left!s:.80} became {right!s:.80}")

    def compare(self, kind: str, left: Any, right: Any, place: str) -> None:
        left, right = self.source.follow(left, kind), self.merged.follow(right, kind)
        if (id(left), id(right), kind) in self.seen:
            return
        self.seen.add((id(left), id(right), kind))
        if isinstance(left, dict) and isinstance(right, dict):
            self.objects(kind, left, right, place)
        else:
            self.literal(left, right, place)

    def objects(self, kind: str, left: Json, right: Json, place: str) -> None:
        if kind == "schema":
            self.discriminators(left, right, place)
            left, right = meaning(left, self.source.old and not self.merged.old), dict(right)
            if "$schema" not in left and right.get("$schema") == self.source.document.get("jsonSchemaDialect"):
                right.pop("$schema", None)
            if "$ref" in left or "$ref" in right:
                self.references(left, right, place)
            for each in (left, right):
                each.pop("discriminator", None)
                if isinstance(each.get("required"), list):
                    each["required"] = sorted(each["required"])
        elif kind in ("parameter", "media"):
            self.dialects(left, right, place)
        elif kind == "link":
            left, right = self.link(self.source, left), self.link(self.merged, right)
        elif kind == "operation":
            left, right = self.operation(self.source, left), self.operation(self.merged, right)
        elif kind == "item":
            left, right = dict(left), dict(right)
        self.fields(kind, left, right, place)

    def fields(self, kind: str, left: Json, right: Json, place: str) -> None:
        shapes = GRAMMAR.get(kind, {})
        for key in sorted({*left, *right}):
            here = f"{place}/{key}"
            if key not in left or key not in right:
                self.complain(here, "was added" if key in right else "was lost")
                continue
            shape = shapes.get(key, "" if key.startswith("x-") else shapes.get("*", ""))
            how, _, inner = shape.rpartition(" ")
            self.value(how, inner, documented(self.source, kind, key, left[key]), right[key], here)

    def value(self, how: str, kind: str, left: Any, right: Any, place: str) -> None:
        if not kind or type(left) is not type(right) or (how and len(left) != len(right)):
            self.literal(left, right, place)
        elif how == "list":
            for index, (one, other) in enumerate(zip(left, right, strict=True)):
                self.compare(kind, one, other, f"{place}/{index}")
        elif how == "map":
            for key in sorted({*left, *right}):
                if key not in left or key not in right:
                    self.complain(f"{place}/{key}", "was added" if key in right else "was lost")
                else:
                    self.compare(kind, left[key], right[key], f"{place}/{key}")
        else:
            self.compare(kind, left, right, place)

    def references(self, left: Json, right: Json, place: str) -> None:
        """Compare what two references with something beside them lead to."""
        one, other = left.pop("$ref", None), right.pop("$ref", None)
        if isinstance(one, str) and isinstance(other, str) and one[:2] == other[:2] == "#/":
            self.compare("schema", self.source.find(one), self.merged.find(other), f"{place}/$ref")
        else:
            self.literal(one, other, f"{place}/$ref")

    def discriminators(self, left: Json, right: Json, place: str) -> None:
        one, other = left.get("discriminator"), right.get("discriminator")
        if not isinstance(one, dict) or not isinstance(other, dict):
            self.literal(one, other, f"{place}/discriminator")
            return
        rest = [{key: each[key] for key in each if key != "mapping"} for each in (one, other)]
        self.literal(rest[0], rest[1], f"{place}/discriminator")
        wires = [mapping(self.source, left), mapping(self.merged, right)]
        for value in sorted({*wires[0], *wires[1]}):
            here = f"{place}/discriminator/{value}"
            if value not in wires[0] or value not in wires[1]:
                self.complain(here, "changes what the wire may say")
            else:
                self.compare("schema", wires[0][value], wires[1][value], here)

    def dialects(self, left: Json, right: Json, place: str) -> None:
        """Compare in which dialect the schema of a parameter, header or body is written, where it can be said."""
        one, other = self.source.follow(left.get("schema"), "schema"), self.merged.follow(right.get("schema"), "schema")
        if isinstance(one, dict) and isinstance(other, dict):
            tops = [side.document.get("jsonSchemaDialect") for side in (self.source, self.merged)]
            self.literal(one.get("$schema", tops[0]), other.get("$schema", tops[1]), f"{place}/schema/$schema")

    def link(self, side: Side, link: Json) -> Json:
        link = dict(link)
        if "operationId" in link:
            link["operationId"] = side.operations.get(link["operationId"], "nothing")
        if str(link.get("operationRef")).startswith("#/paths/"):
            tokens = side.tokens(link["operationRef"])
            there = "responses" in side.find(link["operationRef"])
            link["operationRef"] = [side.prefix + tokens[1], *tokens[2:]] if there else "nothing"
        if not side.keep_servers:
            link.pop("server", None)
        return link

    def operation(self, side: Side, operation: Json) -> Json:
        operation = dict(operation)
        operation.pop("operationId", None)
        tags = {tag["name"]: tag for tag in side.document.get("tags", [])}
        operation["tags"] = [
            {
                key: documented(side, "operation", key, value)
                for key, value in tags.get(tag, {}).items()
                if key not in ("name", "parent")
            }
            for tag in operation.get("tags", [])
        ]
        operation["security"] = security(side, operation)
        return operation

    def top(self, path: str, method: str, left_item: Json, right_item: Json) -> None:
        """Compare one operation of a source with the one that the merged document has at its place."""
        left_item, right_item = self.source.item(left_item), self.merged.item(right_item)
        place = f"{method} {path}"
        if method not in right_item:
            self.complain(place, "was lost")
            return
        left, right = left_item[method], right_item[method]
        parts = [effective(self.source, left_item, left), effective(self.merged, right_item, right)]
        self.kept.append(parts)
        self.compare("operation", parts[0], parts[1], place)


def effective(side: Side, item: Json, operation: Json) -> Json:
    """Return the operation with what its path item says of it."""
    own = {identity(side, each): each for each in operation.get("parameters", [])}
    shared = {identity(side, each): each for each in item.get("parameters", [])}
    result = {**operation, "parameters": list({**shared, **own}.values())}
    result["parameters"].sort(key=lambda each: identity(side, each))
    result.pop("servers", None)
    if side.keep_servers:
        for holder in (operation, item, side.document, {"servers": [{"url": "/"}]}):
            if "servers" in holder:
                result["servers"] = holder["servers"]
                break
    for key in item.keys() - {*METHODS, "parameters", "servers"}:
        result.setdefault(key, item[key])
    return result


def identity(side: Side, parameter: Json) -> tuple[str, str]:
    found = side.follow(parameter, "parameter")
    return found["in"], found["name"]


def security(side: Side, operation: Json) -> Any:
    """Return the operation's requirements by the definitions of the schemes, not by their names."""
    schemes = side.document.get("components", {}).get("securitySchemes", {})
    requirements = operation.get("security", side.document.get("security", "none"))
    if not isinstance(requirements, list):
        return "none"
    meant = {name: sorted_json(placed(side, side.follow(scheme, "scheme"))) for name, scheme in schemes.items()}
    return [sorted(([meant.get(name), scopes] for name, scopes in each.items()), key=repr) for each in requirements]


def placed(side: Side, scheme: Json) -> Json:
    """Return the scheme with its relative addresses as they are from the composition's root."""
    flows = scheme.get("flows")
    if not side.prefix or not isinstance(flows, dict):
        return scheme
    return {
        **scheme,
        "flows": {name: {key: moved(side, key, value) for key, value in flow.items()} for name, flow in flows.items()},
    }


def moved(side: Side, key: str, value: Any) -> Any:
    if not key.endswith("Url") or re.match("[a-z]+:", value):
        return value
    if value.startswith("/"):
        return side.prefix + value if value in side.document["paths"] else value
    return side.prefix[1:] + "/" + value.removeprefix("./")


def documented(side: Side, kind: str, key: str, value: Any) -> Any:
    """Return a link to a documentation or example with its relative address as it is from the composition's root."""
    if not side.prefix or (kind, key) not in DOCUMENTED:
        return value
    if isinstance(value, dict) and "url" in value:
        return {**value, "url": moved(side, "aUrl", value["url"])}
    return moved(side, "aUrl", value) if isinstance(value, str) else value


def sorted_json(value: Any) -> Any:
    if isinstance(value, dict):
        return [[key, sorted_json(value[key])] for key in sorted(value)]
    return [sorted_json(each) for each in value] if isinstance(value, list) else value


def mapping(side: Side, schema: Json) -> Json:
    """Return every value that the wire may hold for a discriminated schema, and the schema that it means."""
    schemas = side.document.get("components", {}).get("schemas", {})
    written = schema["discriminator"].get("mapping", {})
    wire: Json = {}
    for value, target in written.items():
        wire[value] = schemas[target] if target in schemas else side.find(target) if target[:2] == "#/" else target
    names = [
        side.tokens(each["$ref"])[2]
        for key in ("oneOf", "anyOf")
        for each in schema.get(key, [])
        if isinstance(each, dict) and str(each.get("$ref")).startswith("#/components/schemas/")
    ]
    own = [name for name, each in schemas.items() if each is schema]
    for name in own:
        names += side.subtypes.get(name, ())
        own += side.subtypes.get(name, set()) - set(own)
    targets = [id(each) for each in wire.values()]
    for name in names:
        if id(schemas[name]) not in targets:
            wire.setdefault(name, schemas[name])
    return wire


def meaning(schema: Json, translated: bool) -> Json:
    """Return what a 3.0 schema means in 3.1."""
    schema = dict(schema)
    if not translated:
        return schema
    if schema.pop("nullable", False) is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    for limit, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(limit), bool) and schema.pop(limit) and bound in schema:
            schema[limit] = schema.pop(bound)
    if "example" in schema:
        schema["examples"] = [schema.pop("example")]
    if schema.get("type") in ("string", ["string", "null"]):
        if schema.get("format") == "binary":
            schema["contentMediaType"] = "application/octet-stream"
            del schema["format"]
        elif schema.get("format") == "byte":
            schema["contentEncoding"] = "base64"
            del schema["format"]
    return schema


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are the same; `true` isn't 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def violations(merged: Json, sources: Iterable[tuple[str, str, Json]], *, keep_servers: bool = False) -> list[str]:
    """Return every way in which the merged document doesn't mean what its sources mean."""
    found: list[str] = []
    expected: set[tuple[str, str]] = set()
    result = Side(merged, keep_servers=keep_servers)
    for name, prefix, document in sources:
        source = Side(document, prefix.rstrip("/"), keep_servers)
        checker = Checker(source, result)
        for path, item in document.get("paths", {}).items():
            for method in METHODS:
                if path.startswith("/") and method in source.item(item):
                    place = source.prefix + path
                    expected.add((place, method))
                    checker.top(place, method, item, merged["paths"].get(place, {}))
        found += [f"{name}: {each}" for each in checker.found]
        found += _webhooks(name, source, result)
    found += _added(merged, result, expected)
    return found + _broken(merged, result)


def _webhooks(app: str, source: Side, result: Side) -> Iterator[str]:
    """Yield the app's webhooks that the merged document has under neither of the names that they may have."""
    for name, item in source.document.get("webhooks", {}).items():
        checkers = []
        for there in (name, f"{app}_{name}"):
            checkers.append(Checker(source, result))
            for method in METHODS:
                if method in source.item(item):
                    found = result.document.get("webhooks", {}).get(there, {})
                    checkers[-1].top(f"webhook {there}", method, item, found)
        if all(checker.found for checker in checkers):
            yield f"{app}: {checkers[0].found[0]}"


def _added(merged: Json, side: Side, expected: set[tuple[str, str]]) -> list[str]:
    there = {
        (path, method)
        for path, item in merged["paths"].items()
        if path.startswith("/")
        for method in side.item(item)
        if method in METHODS
    }
    return [f"{method} {path}: was added" for path, method in sorted(there - expected)]


def _broken(merged: Json, side: Side) -> list[str]:
    """Return the names that no document may hold, and the operation ids that are there twice."""
    ids = [
        operation["operationId"]
        for path, item in merged["paths"].items()
        if path.startswith("/")
        for method, operation in side.item(item).items()
        if method in METHODS and "operationId" in operation
    ]
    components = merged.get("components", {})
    names = [name for section, parts in components.items() if section[:2] != "x-" for name in parts]
    pointers = {f"#/components/{section}/{name}" for section, parts in components.items() for name in parts}
    return [
        *(f"{each} leads nowhere" for each in sorted(set(_references(merged)) - pointers)),
        *(f"the operation id {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})),
        *(f"{name} is no component's name" for name in names if not re.fullmatch(r"[a-zA-Z0-9._-]+", name)),
    ]


def _references(value: Any) -> Iterator[str]:
    """Yield the references to components, save those in literal data."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/components/"):
            yield "/".join(reference.split("/")[:4])
        for key, inner in value.items():
            if key not in LITERAL and key[:2] != "x-":
                yield from _references(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
