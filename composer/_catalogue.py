"""Every problem that a composition can have: its ID, its text and its hint.

A problem is data, a `Problem` with a stable ID. Its text is made here, from the templates of `CATALOGUE`, and nowhere
else.
"""

import re
from typing import NamedTuple

from composer._compat.error_texts import is_circular_import, is_response_field_error
from composer._model import Level, Problem
from composer._text import describe_error, error_text


class Entry(NamedTuple):
    """What one ID of the catalogue says: the mistake, the fix, and whether it refuses the start.

    An error can't work, or would silently do something else than what was declared. What rests on a heuristic, and what
    can be wrong about an app that works when it is served alone, is a warning: such an app is never refused for how it
    is written inside.
    """

    what: str
    hint: str
    level: Level = "error"


CATALOGUE: dict[str, Entry] = {
    "C001": Entry(
        "Settings file not found{tried}.",
        'Create it, or pass its path: composer.build("settings.toml") in Python, or the environment variable '
        "COMPOSER_SETTINGS. The smallest one holds the line [composer].",
    ),
    "C002": Entry("Invalid settings file: {error}.", "Fix that line; toml.io describes the format."),
    "C003": Entry("Unknown key {key!r}.", "{near} Known keys: {known}."),
    "C004": Entry("Invalid value for {key!r}: {why}.", "Set a value that {owner} accepts."),
    "C005": Entry(
        "Package {package!r} not found.",
        "Create that folder, install the package, or fix [composer] {key}: it lists import names, such as 'apps' or "
        "'backend.apps', not paths.",
    ),
    "C006": Entry("Import failed: {error}.", "{advice} Fix that line, or install the missing package."),
    "C007": Entry(
        "Package name conflict: {package!r} is {taken}, not {wanted}.",
        "{near} Rename the folder: a process can import only one package of a given name.",
    ),
    "C008": Entry(
        "{factory} not found.",
        "{near} Define {factory}(...) there; a helper that is not an app starts with an underscore. {advice}",
    ),
    "C009": Entry(
        "Cannot use {subject}: {why}.",
        "{near} {advice} Set it to a callable, as 'package.module:name'.",
    ),
    "C010": Entry(
        "The factory {factory} is async.",
        "Make it a plain def, and move what has to be awaited into a lifespan.",
    ),
    "C011": Entry(
        "The factory {factory} raised {error}.",
        "{advice} Fix that line. Move work that can fail, such as connecting to a server, into a lifespan.",
    ),
    "C012": Entry(
        "No cornerstone provides {wanted} (required by {parameter!r}{more}).",
        "{near} Types provided: {known}.",
    ),
    "C013": Entry(
        "More than one cornerstone provides {wanted}, and {parameter!r} matches none of their names.",
        "Name the parameter after one of them: {known}. In a handler, write Shared[Annotated[{wanted}, '{first}']].",
    ),
    "C014": Entry("Circular dependency between cornerstones:\n{path}", "Remove one of these parameters."),
    "C015": Entry(
        "Parameter {parameter!r} of {factory} has no type annotation.",
        "{near} Annotate it with the type of a cornerstone or a settings model, or give it a default.",
    ),
    "C016": Entry(
        "Cannot read the type annotations of {factory}: {error}.",
        "Fix the annotation. Import its types at run time, not under TYPE_CHECKING.",
    ),
    "C017": Entry(
        "{factory} has no return type annotation.",
        "Annotate its return type, as in -> Database: apps require the cornerstone by that type.",
    ),
    "C019": Entry(
        "The app is a WSGI app ({found}), not an ASGI app.",
        "Set wsgi = true for it.",
    ),
    "C020": Entry("The factory {factory} returned {found}, not {wanted}.", "Return {wanted}. {near}"),
    "C021": Entry(
        "Invalid prefix {prefix!r}: {why}.",
        "Write it as '/notes' or '/v1/notes', not percent-encoded; '/' mounts an app at the root.",
    ),
    "C022": Entry("Duplicate prefix {prefix!r}, also used by {other}.", "Give one of them another prefix."),
    "C023": Entry(
        "The prefix {prefix!r} conflicts with the route {route!r} of the root app.",
        "Choose another prefix, or move the route.",
    ),
    # It works alone, and mounted too: its root_path is taken away.
    "C024": Entry(
        "FastAPI(root_path={root_path!r}) has no effect: the root path of a mounted app is its prefix.",
        "Remove root_path, and set the prefix of the app instead.",
        level="warning",
    ),
    "C025": Entry("Unknown app {name!r} in {key}.", "{near} Known apps: {known}."),
    "C026": Entry("Circular start order of apps:\n{path}", "Remove one of these names from 'after'."),
    "C027": Entry("Duplicate name {name!r}, also used by {other}.", "Rename one of them."),
    "C028": Entry(
        "{name!r} is not a valid module name.", "Use letters, digits and underscores only, and no digit first."
    ),
    "C029": Entry(
        "overrides replaces {wanted}, but no cornerstone provides that type.",
        "{near} Types provided: {known}.",
    ),
    "C030": Entry(
        "Unused settings ({known}): {factory} takes no settings.",
        "Add a parameter annotated with a pydantic model, or remove the settings.",
    ),
    "C031": Entry(
        "Settings for an unknown {kind} {name!r}.",
        "{near} Known {kind}s: {known}. A {kind} without a folder needs factory = 'package.module:name'.",
    ),
    "C033": Entry(
        "The factory {factory} is a generator.",
        "Return the object instead, and make it a context manager if it has to be opened and closed.",
    ),
    "C034": Entry(
        "Settings validation failed for {model}: {why}.",
        "Set values that it accepts together, or fix the model or its validator.",
    ),
    "C036": Entry(
        "This root app already holds a composition.",
        "Compose everything at once, or use a separate root for each composition.",
    ),
    "C037": Entry(
        "The package {package!r} itself defines {factory}, but only its modules and subfolders are composed.",
        "Move {factory} into a folder inside of it; the folder's name is the prefix.",
    ),
    "C038": Entry(
        "It is the same object as the app {other}, whose lifespan cannot run twice at once.",
        "Use a factory that makes a new app each time, or mount it once.",
    ),
    "C039": Entry(
        "Cannot read the OpenAPI document {file}: {why}.",
        "Set it to a JSON or YAML file, a path in the app ('/openapi.json'), or a function ('package.module:name').",
    ),
    "C040": Entry(
        "{wish}, but the package {package} is not installed.",
        "Install it: pip install 'fastapi-composer[{extra}]'.",
    ),
    "C041": Entry(
        "It is an APIRouter, not an app.",
        "Include it in an app: app = FastAPI(); app.include_router(router); return app.",
    ),
    "C042": Entry(
        "The default of parameter {parameter!r} of {factory} is {default}(...), which works in handlers only.",
        "Annotate the parameter with the type of a cornerstone and remove the default, or use it in a handler.",
    ),
    "C043": Entry(
        "Parameter {parameter!r} is annotated with {model}, a model of pydantic.v1.",
        "Derive it from pydantic.BaseModel: from pydantic import BaseModel.",
    ),
    # Read from signatures, which a decorator may hide. If true, the start fails with the app's own error.
    "C044": Entry(
        "Invalid lifespan: {why}.",
        "Write it as async def lifespan(app) with one yield, decorate it with @asynccontextmanager, and pass it "
        "uncalled: FastAPI(lifespan=lifespan).",
        level="warning",
    ),
    # It works alone without them.
    "C045": Entry(
        "Startup and shutdown handlers are never called, because the app has a lifespan: {names}.",
        "Call them in the lifespan, before and after its yield.",
        level="warning",
    ),
    # It works alone without it; another part of the program may enter that lifespan.
    "C046": Entry(
        "The lifespan of the app mounted at {path!r} is never run.",
        "Compose it as an app with its own create_app, or enter its lifespan in the lifespan of this app.",
        level="warning",
    ),
    # Read from signatures. If true, the start fails with the app's own error.
    "C047": Entry(
        "Invalid middleware {name}: {why}.",
        "Pass the class itself to add_middleware, and all its arguments by name.",
        level="warning",
    ),
    # Each app works; who uses both is logged out.
    "C048": Entry(
        "The session cookie {cookie!r} conflicts with that of {other}, which is signed with another key.",
        "Set session_cookie or path of one SessionMiddleware, or use the same secret_key for both.",
        level="warning",
    ),
    # All other routes of both apps work.
    "C049": Entry(
        "Unreachable route {route!r}: the app {other} serves all of {prefix!r}.",
        "Move the route into that app, or change one of the prefixes.",
        level="warning",
    ),
    # It works alone in the same way: fastapi-versioning, for one, mounts the versions before its last routes.
    "C050": Entry(
        "Unreachable route {route!r}: the app mounted at {mount!r} comes before it.",
        "Mount that app after all routes and routers.",
        level="warning",
    ),
    # Read from signatures. If true, the start or the requests fail with an error that names the cornerstone.
    "C051": Entry(
        "{name} is not a context manager: {why}.",
        "Decorate serving(self) and around_request(self, connection) with @asynccontextmanager, with one yield each; "
        "a class with __aenter__ needs __aexit__ too.",
        level="warning",
    ),
    # It is a guess at the reason of another problem.
    "C052": Entry(
        "The file {file} shadows the standard library module {name!r}.",
        "Rename the file: this may be why the import above failed.",
        level="warning",
    ),
    "C054": Entry(
        "Declared with wsgi = true, but {found} is not a WSGI app.", "Set wsgi = false, or return a WSGI app."
    ),
    "C055": Entry(
        "Plugin {name!r} for {kind}s not found.",
        "{near} Installed: {known}. Install its package into the environment that composer runs in; "
        "`composer plugins` lists the installed plugins.",
    ),
    "C056": Entry(
        "Only one of {keys} can be set.",
        "app is for an app object, factory for a function or a class that returns the app, plugin for an "
        "entry point of an installed package.",
    ),
    "C057": Entry("{key} is {found}, not {wanted}.", "{advice}"),
    "C058": Entry(
        "The guard {name!r} is not a cornerstone.",
        "{near} Set it to the name of a cornerstone: {known}.",
    ),
    "C059": Entry(
        "The guard {name!r} is not callable: {found}.",
        "Use a dependency that a handler could take as Security(...), such as those of fastapi.security.",
    ),
    "C060": Entry(
        "Cannot read the folder: {why}.", "Grant read permission to the user of the server, or move the folder."
    ),
    "C061": Entry("The folder is a symbolic link to its own parent {folder}.", "Remove the link."),
    "C062": Entry("It is {found}, not {wanted}.", "{near} Create each item of {key} with {call}."),
    # Read from the function. If true, /readyz says that the cornerstone isn't ready.
    "C063": Entry(
        "{name} cannot be awaited by /readyz: {why}.",
        "Write it as async def check_ready(self), and raise an exception if the cornerstone is not ready.",
        level="warning",
    ),
    "C064": Entry(
        "Cannot ignore {name!r}: {why}.",
        "{near} List IDs of warnings only, such as 'C049'.",
    ),
    "C071": Entry(
        "overrides replaces {wanted} with {found}, not with an object.",
        "Pass an object, as in overrides={{{wanted}: Fake{wanted}()}}; it need not be a subclass.",
    ),
    "C072": Entry(
        "{name}() of {owner} is not a hook, so composer never calls it.",
        "Did you mean {hook!r}? The hooks of a cornerstone are {known}.",
        level="warning",
    ),
    "C073": Entry(
        "Unknown environment {name!r} in {variable}: {file} not found.",
        "{near} Set {variable} to the name of an environment, or create {file}.",
        level="warning",
    ),
    # FastAPI makes a new object for each request, as it does where the app is served alone.
    "C070": Entry(
        "{asking} does not get the cornerstone {wanted}: {why}.",
        "Write {parameter}: Shared[{wanted}]. Import Shared from composer.",
        level="warning",
    ),
}


def problem(id: str, where: str, *, error: BaseException | None = None, **fields: object) -> Problem:
    """Return the problem of that ID, with its text made from the catalogue and the fields that its templates name.

    Raises KeyError for an ID or a field that the catalogue doesn't have: a bug of composer, never of its user.
    """
    entry = CATALOGUE[id]
    named = {"near": "", "advice": "", "tried": "", "more": "", **fields}
    if error is not None:
        named |= {"error": describe_error(error), "advice": _advice(error)}
    # A field may be empty, and leaves two blanks then.
    hint = re.sub(" {2,}", " ", entry.hint.format(**named)).strip()
    return Problem(id, where, entry.what.format(**named), hint, error, entry.level)


def _advice(error: BaseException) -> str:
    """Return what usually fixes an exception whose own text doesn't say it, or ""."""
    text = error_text(error)
    if is_circular_import(error, text):
        return "Two modules import each other: move the shared code into a third one."
    if is_response_field_error(error, text):
        return "Annotate shared objects in handlers as Shared[...]; return a model, or set response_model=None."
    return ""
