"""composer turns a folder of independent FastAPI apps into one server.

`build()` composes the folders that settings.toml names, `compose()` does the same from Python; both return a FastAPI.
"""

# The map. Imports go one way: each row imports from the rows above it, never from its own row or below.
#
#   _asgi, _json, _scope, _lazy, _gc,    types of ASGI and JSON; our keys in a scope; imports at first use; garbage;
#   hooks                                the protocols of a cornerstone's hooks
#   _compat, openapi                     what composer knows of the insides of other packages; documents → one document
#   _text, _side_effects, _threads       text; what a part changes of the process; threads for each app
#   _secrets, _problem_json,             redaction; answers in an app's place;
#   _environment                         which environment this process runs in
#   _model                               the plain data that the phases hand on
#   _catalogue, errors, _timings,        every problem; the exceptions; how long each part takes;
#   _observe, _docs, responses           what is observed of requests; the pages; error responses that apps share
#   _settings                            settings.toml and the environment
#   _project                             phase one: folders, settings and plugins → App, Cornerstone
#   _wire                                phase two: types → order → objects; Shared
#   _checks, _stack, _dispatch           what can be wrong; the layers around one app; path → app
#   _lifecycle                           phase three: all lifespans
#   _documents                           where each app's document comes from, and the merged one
#   _build                               the three phases put together
#   _cli                                 what people type
#   commands                             for commands that other packages add
#   contrib                              cornerstones for a database, clients' keys and models; only public names
#
# How to read it: _build/compose.py first; it calls all the others in the order in which things happen.

import typing

from composer._lazy import lazy_attributes as _lazy_attributes
from composer._lifecycle.signals import ShuttingDown, shutting_down
from composer._model import App, Cornerstone, PartStatus, Problem, Project, State
from composer.errors import ComposerError, CompositionError, PartError, ShutdownError, StartupError

if typing.TYPE_CHECKING:
    from composer._build import Composition, build, compose, composition_of
    from composer._wire.shared import Shared
else:
    # Modules that only need a type don't wait for what composes.
    _BUILD = dict.fromkeys(["Composition", "build", "compose", "composition_of"], "_build")
    __getattr__ = _lazy_attributes(__name__, {"Shared": "_wire.shared", **_BUILD})


__all__ = [
    "App",
    "ComposerError",
    "Composition",
    "CompositionError",
    "Cornerstone",
    "PartError",
    "PartStatus",
    "Problem",
    "Project",
    "Shared",
    "ShutdownError",
    "ShuttingDown",
    "StartupError",
    "State",
    "build",
    "compose",
    "composition_of",
    "shutting_down",
]

# Where users import them from, and so what tracebacks and documentation name; _build and Shared do the same.
for _public in map(globals().get, __all__):
    if isinstance(_public, type):
        _public.__module__ = __name__


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
