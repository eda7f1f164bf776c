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
        "There is no settings file{tried}.",
        'Create it, or say where it is: composer.build("settings.toml") in Python, COMPOSER_SETTINGS in the '
        "environment. The smallest one holds the line [composer].",
    ),
    "C002": Entry("The file is not valid: {error}.", "Correct that place; the format is described at toml.io."),
    "C003": Entry("Nobody knows the key {key!r}.", "{near} Known here: {known}."),
    "C004": Entry("The value of {key!r} is not valid: {why}.", "Give a value that {owner} accepts."),
    "C005": Entry(
        "There is no package {package!r}.",
        "Create that folder, install the package, or correct [composer] {key}: it lists import names, like 'apps' or "
        "'backend.apps', and no paths.",
    ),
    "C006": Entry("Importing it failed: {error}.", "{advice} Mend that line, or install what is missing."),
    "C007": Entry(
        "The name {package!r} already belongs to {taken}, not to {wanted}.",
        "{near} Rename the folder: one process imports only one package of a name.",
    ),
    "C008": Entry(
        "It has no {factory}.",
        "{near} Define {factory}(...) there; a helper that is not to be composed starts with an underscore. {advice}",
    ),
    "C009": Entry(
        "{subject} can't be used: {why}.",
        "{near} {advice} Name something that can be called, as 'package.module:name'.",
    ),
    "C010": Entry(
        "The factory {factory} is async.",
        "A factory only constructs: make it a plain def, and move what has to be awaited into a lifespan.",
    ),
    "C011": Entry(
        "The factory {factory} raised {error}.",
        "{advice} Do what it says, or mend that line; what can fail from outside belongs in a lifespan.",
    ),
    "C012": Entry(
        "Nobody gives {wanted}, which {parameter!r} asks for.",
        "{near} Known types: {known}.",
    ),
    "C013": Entry(
        "Several cornerstones are {wanted}, and {parameter!r} names none of them.",
        "Name the parameter after one of them: {known}. In a handler, write Shared[Annotated[{wanted}, '{first}']].",
    ),
    "C014": Entry("Cornerstones need each other in a circle:\n{path}", "Break it at one of these parameters."),
    "C015": Entry(
        "The parameter {parameter!r} of {factory} has no type.",
        "{near} Annotate it with a cornerstone's type or with a settings model, or give it a default.",
    ),
    "C016": Entry(
        "The types of {factory} can't be read: {error}.",
        "Correct the annotation; import the types that it names at run time, not under TYPE_CHECKING.",
    ),
    "C017": Entry(
        "{factory} doesn't say what type it returns.",
        "Annotate its return type (-> Database): others ask for the cornerstone by it.",
    ),
    "C019": Entry(
        "The app is a WSGI app ({found}).",
        "Say wsgi = true for it.",
    ),
    "C020": Entry("The factory {factory} returned {found}, not {wanted}.", "Make it return {wanted}. {near}"),
    "C021": Entry(
        "The prefix {prefix!r} {why}.",
        "Write it like '/notes' or '/v1/notes', as the decoded path; '/' mounts an app at the root.",
    ),
    "C022": Entry("The prefix {prefix!r} is taken by {other}.", "Give one of them another prefix."),
    "C023": Entry(
        "The prefix {prefix!r} and the root's own route {route!r} are in each other's way.",
        "Choose another prefix, or move the route.",
    ),
    # It works alone, and mounted too: its root_path is taken away.
    "C024": Entry(
        "It is a FastAPI(root_path={root_path!r}), which has no effect: a mounted app's root path is its prefix.",
        "Remove root_path, and set the prefix of the app instead.",
        level="warning",
    ),
    "C025": Entry("{key} names an app that isn't there: {name!r}.", "{near} Apps here: {known}."),
    "C026": Entry("Apps wait for each other in a circle:\n{path}", "Remove one of these names from 'after'."),
    "C027": Entry("The name {name!r} is given twice, also by {other}.", "Give each its own name."),
    "C028": Entry("The name {name!r} can't be imported.", "Use letters, digits and underscores only."),
    "C029": Entry(
        "overrides replaces {wanted}, but no cornerstone is one.",
        "{near} Known types: {known}.",
    ),
    "C030": Entry(
        "There are settings for it ({known}), but {factory} takes none.",
        "Add a parameter that is annotated with a pydantic model, or remove the settings.",
    ),
    "C031": Entry(
        "There is no {kind} {name!r}, which these settings are for.",
        "{near} Known here: {known}. One that has no folder of its own needs factory = 'package.module:name'.",
    ),
    "C033": Entry(
        "The factory {factory} yields.",
        "Return the object: what is to be done before and after belongs in a context manager that the object is.",
    ),
    "C034": Entry(
        "Reading the settings as {model} failed: {why}.",
        "Give values that it accepts together, or fix the model or its validator.",
    ),
    "C036": Entry(
        "Something was composed into this app before.",
        "Compose everything at once, or give each composition a root of its own.",
    ),
    "C037": Entry(
        "The package {package!r} itself has a {factory}, and only what is in it is composed.",
        "Move it into a folder of its own in there: its name is the prefix.",
    ),
    "C038": Entry(
        "It is the same object as the app {other}, and one app's lifespan can't run twice at once.",
        "Give a factory that makes an app each time, or mount it once.",
    ),
    "C039": Entry(
        "The OpenAPI document {file} can't be read: {why}.",
        "Name a JSON or YAML file, a path inside the app ('/openapi.json'), or a function ('package.module:name').",
    ),
    "C040": Entry(
        "{wish}, and the package {package} isn't there.",
        "Install it: pip install 'fastapi-composer[{extra}]'.",
    ),
    "C041": Entry(
        "It is an APIRouter, which can't be served by itself.",
        "Put it into an app: app = FastAPI(); app.include_router(router); return app.",
    ),
    "C042": Entry(
        "The default of {parameter!r} of {factory} is {default}(...), which FastAPI fills in handlers only.",
        "Annotate the parameter with a cornerstone's type and give no default, or ask for it in the handlers.",
    ),
    "C043": Entry(
        "The parameter {parameter!r} asks for {model}, which is a model of pydantic.v1.",
        "Derive it from pydantic.BaseModel: from pydantic import BaseModel.",
    ),
    # Read from signatures, which a decorator may hide. If true, the start fails with the app's own error.
    "C044": Entry(
        "Its lifespan can't be entered: {why}.",
        "Write it as async def lifespan(app), with one yield, under @asynccontextmanager; and give it without calling "
        "it: FastAPI(lifespan=lifespan).",
        level="warning",
    ),
    # It works alone without them.
    "C045": Entry(
        "It has a lifespan, so its startup and shutdown handlers are never called: {names}.",
        "Call them in the lifespan: what is to be done at start before its yield, what at stop after it.",
        level="warning",
    ),
    # It works alone without it; another part of the program may enter that lifespan.
    "C046": Entry(
        "The app that it mounts at {path!r} has a lifespan, which nobody runs.",
        "Make it an app of the composition, with a create_app of its own, or enter its lifespan in that of this app.",
        level="warning",
    ),
    # Read from signatures. If true, the start fails with the app's own error.
    "C047": Entry(
        "Its middleware {name} can't be made: {why}.",
        "Give add_middleware the class itself, and all its arguments by name.",
        level="warning",
    ),
    # Each app works; who uses both is logged out.
    "C048": Entry(
        "Its session cookie {cookie!r} overwrites that of {other}, which is signed with another key.",
        "Give its SessionMiddleware a session_cookie of its own, or its prefix as path, or both the same secret_key.",
        level="warning",
    ),
    # All other routes of both apps work.
    "C049": Entry(
        "Its route {route!r} is never reached: all of {prefix!r} goes to {other}.",
        "Move the route into that app, or give one of the two another prefix.",
        level="warning",
    ),
    # It works alone in the same way: fastapi-versioning, for one, mounts the versions before its last routes.
    "C050": Entry(
        "Its route {route!r} is never reached: all of it goes to what is mounted at {mount!r} before it.",
        "Mount that last, after all routes and routers.",
        level="warning",
    ),
    # Read from signatures. If true, the start or the requests fail with an error that names the cornerstone.
    "C051": Entry(
        "{name} is no context manager: {why}.",
        "serving(self) and around_request(self, connection) are written under @asynccontextmanager, with one yield; "
        "what has __aenter__ needs __aexit__ too.",
        level="warning",
    ),
    # It is a guess at the reason of another problem.
    "C052": Entry(
        "The file {file} hides Python's own module {name!r} from all that import it.",
        "Rename that file: the import above failed, and this may be why.",
        level="warning",
    ),
    "C054": Entry("It is declared as a WSGI app, and is none: {found}.", "Say wsgi = false, or give a WSGI app."),
    "C055": Entry(
        "No installed package brings a plugin {name!r} for {kind}s.",
        "{near} Installed: {known}. Install the package into the environment that composer runs in; "
        "`python -m composer plugins` lists what is there.",
    ),
    "C056": Entry(
        "It names both a plugin and a factory.",
        "Remove one of the two keys: plugin is for what an installed package brings, factory for any other callable.",
    ),
    "C058": Entry(
        "Its guard {name!r} is no cornerstone.",
        "Name the cornerstone that is to be asked before each request. {near} There are: {known}.",
    ),
    "C059": Entry(
        "Its guard {name!r} can't be asked: {found} can't be called.",
        "A guard is what a handler could ask for by Security(...), such as those of fastapi.security.",
    ),
    "C060": Entry("The folder can't be read: {why}.", "Let the server's user read it, or move it out of there."),
    "C061": Entry("The folder leads back to {folder}, which it is in.", "Remove that link."),
    "C062": Entry("It is {found}, not {wanted}.", "{near} All in {key} have to be made by {made}."),
    # Read from the function. If true, /readyz says that the cornerstone isn't ready.
    "C063": Entry(
        "{name} can't be awaited, as /readyz does: {why}.",
        "Write it as: async def check_ready(self). It raises where the cornerstone can't serve.",
        level="warning",
    ),
    "C064": Entry(
        "The ID {name!r} in ignore is not that of a warning: {why}.",
        "{near} List the IDs of warnings only, such as 'C049'.",
    ),
    "C071": Entry(
        "overrides gives {found} for {wanted}.",
        "Give an object to use in its place, as in overrides={{{wanted}: Fake{wanted}()}}; it needn't be a subclass.",
    ),
    "C072": Entry(
        "{name}() of {owner} is not a hook, so composer never calls it.",
        "Did you mean {hook!r}? The hooks of a cornerstone are {known}.",
        level="warning",
    ),
    "C073": Entry(
        "{variable} is {name!r}: there is no {file}, and it is neither 'development' nor 'production'.",
        "{near} Set {variable} to the name of an environment, or create {file}.",
        level="warning",
    ),
    # FastAPI makes a new object for each request, as it does where the app is served alone.
    "C070": Entry(
        "{asking} doesn't get the shared {wanted}: {why}.",
        "Write {parameter}: Shared[{wanted}]. Import Shared from composer.",
        level="warning",
    ),
}


def problem(id: str, where: str, *, error: BaseException | None = None, **fields: object) -> Problem:
    """Make the problem of that ID, its text from the catalogue and the fields that its templates name.

    Raises KeyError for an ID or a field that the catalogue doesn't have: a bug of composer, never of its user.
    """
    entry = CATALOGUE[id]
    named = {"near": "", "advice": "", "tried": "", **fields}
    if error is not None:
        named |= {"error": describe_error(error), "advice": _advice(error)}
    # A field may be empty, and leaves two blanks then.
    hint = re.sub(" +", " ", entry.hint.format(**named)).strip()
    return Problem(id, where, entry.what.format(**named), hint, error, entry.level)


def _advice(error: BaseException) -> str:
    """Return what usually mends an exception whose own text doesn't say it, or ""."""
    text = error_text(error)
    if is_circular_import(error, text):
        return "Two modules import each other: move what both need into a third one."
    if is_response_field_error(error, text):
        return "A handler gets a shared object by Shared[...], and returns a model or says response_model=None."
    return ""
