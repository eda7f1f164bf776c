"""composer turns a folder of independent FastAPI apps into one server.

`build()` composes the folders that settings.toml names, `compose()` does the same from Python; both return a FastAPI.
"""

# The map. Imports go one way: each row imports from the rows above it, never from its own row or below.
#
#   0  _render,                         names, paths, lists and errors as text;
#      _later, _secrets, _collector,    what is imported at first use; what nobody may read; fewer collections;
#      _asgi, _model                    shapes of ASGI; the plain data that the phases hand on
#   1  _problem_json, _requests,        answers in an app's place; what is seen of a request;
#      _threads, _process               threads for each app; what a part changes
#   2  errors                           the catalogue of problems, and the exceptions
#   3  _settings, _discover,            settings.toml and environment; folders;
#      _load, _plugins                  importing one of them; what packages bring
#   4  _wire                            types → order → objects; Shared
#   5  _lifespan, _stopping,            one lifespan; the word to stop;
#      _dispatch, _guard, _limits,      path → app; who may come in; what an app may take;
#      openapi, _docs, _health,         documents → one document; the root's pages and probes;
#      _log, _metrics                   the line and the numbers of each request
#   6  _lifecycle                       all lifespans
#   7  _build                           the three phases put together
#   8  _cli                             what people type
#
# How to read it: _build/_compose.py first; it calls all the others in the order in which things happen.

import typing

from composer._collector import patient_collector as _patient_collector
from composer._later import later as _later
from composer._model import App, Cornerstone, PartStatus, Problem, Project, State
from composer._stopping import shutting_down
from composer.errors import ComposerError, CompositionError, PartError, ShutdownError, StartupError

if typing.TYPE_CHECKING:
    from composer._build import Composition, build, compose, composition_of
    from composer._wire import Shared
else:
    # Modules that only need a type don't wait for what composes.
    _COMPOSES = dict.fromkeys(["Composition", "build", "compose", "composition_of"], "_build")
    _LATER = {"Shared": "_wire", **_COMPOSES}
    _find = _later(__name__, _LATER)

    def __getattr__(name: str) -> typing.Any:
        if name not in _LATER:
            return _find(name)
        with _patient_collector():
            # From here, where few calls are under way, and not from deep inside of what composes: CPython maps a new
            # piece of memory each time that a call goes beyond the end of its stack's last one, 16 KiB, and unmaps it
            # when the call returns. FastAPI's import calls up and down thousands of times.
            import fastapi  # noqa: F401

            return _find(name)


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
    "StartupError",
    "State",
    "build",
    "compose",
    "composition_of",
    "shutting_down",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
