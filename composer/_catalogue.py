"""Every problem that a composition can have: its ID, its text and its hint.

A problem is data: a `Problem` with a stable ID, whose text comes from the templates of `CATALOGUE` only.
"""

import re
from typing import Final, NamedTuple

from composer._compat.error_texts import is_circular_import, is_response_field_error
from composer._model import Level, Problem
from composer._text import describe_error, error_text


class Entry(NamedTuple):
    """The templates and the level of one ID: what the problem is, how to fix it, and whether it refuses the start.

    An error cannot work, or would silently do something else than declared. A heuristic check is a warning, and so is
    every problem of an app that works when it is served alone.
    """

    what: str
    hint: str
    level: Level


_ERRORS: Final = {
    "C001": (
        "Settings file not found{tried}.",
        'Create it, or set its path: composer.build("settings.toml") or COMPOSER_SETTINGS. [composer] alone is valid.',
    ),
    "C002": ("Invalid settings file: {error}.", "Fix that line; toml.io describes the format."),
    "C003": ("Unknown key {key!r}.", "{near} Known keys: {known}."),
    "C004": ("Invalid value for {key!r}: {why}.", "{advice}"),
    "C005": (
        "Package {package!r} not found.",
        "Create that folder, install the package, or fix [composer] {key}, which lists import names, not paths.",
    ),
    "C006": ("Import failed: {error}.", "Fix that line, or install the missing package."),
    "C007": (
        "Package name conflict: {package!r} is {taken}, not {wanted}.",
        "{near} Rename the folder: a process can import only one package of a given name.",
    ),
    "C008": (
        "{factory} not found.",
        "{near} Define {factory}(...) there, or start the name with an underscore to leave it out. {advice}",
    ),
    "C009": (
        "Cannot use {subject}: {why}.",
        "{near} {advice} Set it to a callable, as 'package.module:name'.",
    ),
    "C010": (
        "The factory {factory} is async.",
        "Make it a plain def, and move what has to be awaited into a lifespan.",
    ),
    "C011": (
        "The factory {factory} raised {error}.",
        "{near} Fix that line. Move work that can fail, such as connecting to a server, into a lifespan.",
    ),
    "C012": (
        "No cornerstone provides {wanted} (required by {parameter!r}{more}).",
        "{near} {known}",
    ),
    "C013": (
        "More than one cornerstone provides {wanted}, and {parameter!r} matches none of their names.",
        "Name the parameter after one of {known}, or write Annotated[{wanted}, '{first}'], in handlers in Shared[].",
    ),
    "C014": ("Circular dependency between cornerstones:\n{path}", "Remove one of these parameters."),
    "C015": (
        "Parameter {parameter!r} of {factory} has no type annotation.",
        "{near} Annotate it with the type of a cornerstone or a settings model, or give it a default.",
    ),
    "C016": (
        "Cannot read the type annotations of {factory}: {error}.",
        "Fix the annotation. Import its types at run time, not under TYPE_CHECKING.",
    ),
    "C017": (
        "{factory} has no return type annotation.",
        "Annotate its return type, as in -> Database: apps require the cornerstone by that type.",
    ),
    "C019": (
        "The app is a WSGI app ({found}), not an ASGI app.",
        "Set wsgi = true for this app.",
    ),
    "C020": ("The factory {factory} returned {found}, not {wanted}.", "Return {wanted}. {near}"),
    "C021": (
        "Invalid prefix {prefix!r}: {why}.",
        "Write it as '/notes' or '/v1/notes', not percent-encoded; '/' mounts an app at the root.",
    ),
    "C022": ("Duplicate prefix {prefix!r}, also used by {other}.", "Give one of them another prefix."),
    "C023": (
        "The prefix {prefix!r} conflicts with the route {route!r} of {owner}.",
        "Choose another prefix.",
    ),
    "C025": ("Unknown app {name!r} in {key}.", "{near} Known apps: {known}."),
    "C026": ("Circular start order of apps:\n{path}", "Remove one of these names from 'after'."),
    "C027": ("Duplicate name {name!r}, also used by {other}.", "Rename one of them."),
    "C028": ("{name!r} is not a valid module name.", "Use letters, digits and underscores only, and no digit first."),
    "C029": (
        "overrides replaces {wanted}, but no cornerstone provides that type.",
        "{near} Types provided: {known}.",
    ),
    "C030": (
        "Unused settings ({known}): {factory} takes no settings.",
        "Add a parameter annotated with a pydantic model, or remove the settings.",
    ),
    "C031": (
        "Settings for an unknown {kind} {name!r}.",
        "{near} Known {kind}s: {known}. A table without a folder needs factory = 'package.module:name'.",
    ),
    "C033": (
        "The factory {factory} is a generator.",
        "Return the object instead, and make it a context manager if it has to be opened and closed.",
    ),
    "C034": (
        "Settings validation failed for {model}: {why}.",
        "Set values that it accepts together, or fix the model or its validator.",
    ),
    "C036": (
        "This root app already holds a composition.",
        "Compose everything at once, or use a separate root for each composition.",
    ),
    "C037": (
        "The package {package!r} itself defines {factory}, but only its modules and subfolders are composed.",
        "Move {factory} into a folder in that package; the name of the folder is the prefix.",
    ),
    "C038": (
        "Duplicate app object: the app {other!r} uses the same one, and its lifespan cannot run twice at once.",
        "Use a factory that returns a new app for each call, or mount the app once.",
    ),
    "C039": (
        "Cannot read the OpenAPI document {file}: {why}.",
        "Set it to a JSON or YAML file, a path in the app ('/openapi.json'), or a function ('package.module:name').",
    ),
    "C040": (
        "{wish}, but the package {package} is not installed.",
        "Install it: pip install 'fastapi-composer[{extra}]'.",
    ),
    "C041": (
        "Found an APIRouter, not an app.",
        "Include it in an app: app = FastAPI(); app.include_router(router); return app.",
    ),
    "C042": (
        "The default of parameter {parameter!r} of {factory} is {default}(...), which works in handlers only.",
        "Annotate the parameter with the type of a cornerstone and remove the default, or use it in a handler.",
    ),
    "C043": (
        "Parameter {parameter!r} is annotated with {model}, a model of pydantic.v1.",
        "Derive it from pydantic.BaseModel: from pydantic import BaseModel.",
    ),
    "C054": ("Declared with wsgi = true, but {found} is not a WSGI app.", "Set wsgi = false, or return a WSGI app."),
    "C055": (
        "Plugin {name!r} for {kind}s not found.",
        "{near} Installed: {known}. Install its package; `composer plugins` lists the installed plugins.",
    ),
    "C056": (
        "Only one of {keys} can be set.",
        "app is for an app object, factory for a function or class that returns one, plugin for an installed package.",
    ),
    "C057": ("{key} is {found}, not {wanted}.", "{advice}"),
    "C058": (
        "The guard {name!r} is not a cornerstone.",
        "{near} Set it to the name of a cornerstone: {known}.",
    ),
    "C059": (
        "The guard {name!r} is not callable: {found}.",
        "Use a dependency that works as Security(...) in a handler, such as those of fastapi.security.",
    ),
    "C060": ("Cannot read the folder: {why}.", "Grant read permission to the user of the server, or move the folder."),
    "C061": ("The folder is a symbolic link to its own parent {folder}.", "Remove the link."),
    "C062": ("Found {found}, not {wanted}.", "{near} Create each item of {key} with {call}."),
    "C064": (
        "Cannot ignore {name!r}: {why}.",
        "{near} List IDs of warnings only, such as 'C049'.",
    ),
    "C071": (
        "overrides replaces {wanted} with {found}, not with an object.",
        "Pass an object, as in overrides={{{wanted}: Fake{wanted}()}}; it need not be a subclass.",
    ),
}

_WARNINGS: Final = {
    # It works alone, and mounted too: its root_path is removed.
    "C024": (
        "FastAPI(root_path={root_path!r}) has no effect: the root path of a mounted app is its prefix.",
        "Remove root_path, and set the prefix of the app instead.",
    ),
    # Read from signatures, which a decorator may hide. If true, the start fails with the app's own error.
    "C044": (
        "Invalid lifespan: {why}.",
        "Write @asynccontextmanager, async def lifespan(app), one yield; pass it uncalled: FastAPI(lifespan=lifespan).",
    ),
    # It works alone without them.
    "C045": (
        "Startup and shutdown handlers are never called, because the app has a lifespan: {names}.",
        "Call them in the lifespan, before and after its yield.",
    ),
    # It works alone without it; another part of the program may enter that lifespan.
    "C046": (
        "The lifespan of the app mounted at {path!r} is never run.",
        "Compose it as an app with its own create_app, or enter its lifespan in that of this app.",
    ),
    # Read from signatures. If true, the start fails with the app's own error.
    "C047": (
        "Invalid middleware {name}: {why}.",
        "Pass the class itself to add_middleware, and all its arguments by name.",
    ),
    # Each app works; a user of both is logged out.
    "C048": (
        "The session cookie {cookie!r} conflicts with that of {other}, which is signed with another key.",
        "Set session_cookie or path of one SessionMiddleware, or use the same secret_key for both.",
    ),
    # All other routes of both apps work.
    "C049": (
        "Unreachable route {route!r}: the app {other} serves all of {prefix!r}.",
        "Move the route into that app, or change one of the prefixes.",
    ),
    # It works alone in the same way: fastapi-versioning, for one, mounts the versions before its last routes.
    "C050": (
        "Unreachable route {route!r}: the app mounted at {mount!r} comes before it.",
        "Mount that app after all routes and routers.",
    ),
    # Read from signatures. If true, the start or the requests fail with an error that names the cornerstone.
    "C051": (
        "{name} is not a context manager: {why}.",
        "{advice}",
    ),
    # A guess at the cause of another problem.
    "C052": (
        "The file {file} shadows the standard library module {name!r}.",
        "Rename the file: this may be why the import failed.",
    ),
    # Read from the function. If true, /readyz reports that the cornerstone isn't ready.
    "C063": (
        "{name} cannot be awaited by /readyz: {why}.",
        "Write it as async def check_ready(self), and raise an exception if the cornerstone is not ready.",
    ),
    # FastAPI creates a new object for each request, as where the app is served alone.
    "C070": (
        "{caller} does not get the cornerstone {wanted}: {why}.",
        "Write {parameter}: Shared[{wanted}]. Import Shared from composer.",
    ),
    "C072": (
        "{name}() of {owner} is not a hook, so composer never calls it.",
        "Did you mean {hook!r}? The hooks of a cornerstone are {known}.",
    ),
    "C073": (
        "Unknown environment {name!r} in {variable}: {file} not found.",
        "{near} Set {variable} to the name of an environment, or create {file}.",
    ),
}

CATALOGUE: Final = {id: Entry(*texts, "error") for id, texts in _ERRORS.items()} | {
    id: Entry(*texts, "warning") for id, texts in _WARNINGS.items()
}


def problem(id: str, where: str, *, error: BaseException | None = None, **fields: object) -> Problem:
    """Return the problem of that ID, its templates filled in with the fields.

    Raises KeyError for an ID or a field that the catalogue doesn't have: a bug of composer, never of its user.
    """
    entry = CATALOGUE[id]
    named = {"near": "", "advice": "", "tried": "", "more": "", **fields}
    advice = ""
    if error is not None:
        named["error"], advice = describe_error(error), _advice(error)
    # An empty field leaves two blanks.
    hint = advice or re.sub(" {2,}", " ", entry.hint.format(**named)).strip()
    return Problem(id, where, entry.what.format(**named), hint, error, entry.level)


def _advice(error: BaseException) -> str:
    """Return the fix for an exception whose own text doesn't name it, or ""."""
    text = error_text(error)
    if is_circular_import(error, text):
        return "Two modules import each other: move the shared code into a third one."
    if is_response_field_error(error, text):
        return "Annotate shared objects in handlers as Shared[...]; return a model, or set response_model=None."
    return ""
