"""composer turns a folder of independent FastAPI apps into one server.

`build()` composes the folders that settings.toml names, `compose()` does the same from Python; both return a FastAPI.
"""

# The map. Imports go one way: each row imports from the rows above it, never from its own row or below.
#
#   0  _asgi, _model                    shapes of ASGI; the plain data that the phases hand on
#   1  _render                          names, paths and lists as text
#   2  errors                           the catalogue of problems, and the exceptions
#   3  _settings, _discover, _load      settings.toml and environment; folders; importing one of them
#   4  _wire                            types → order → objects; Shared
#   5  _lifespan, _dispatch, openapi,   one lifespan; path → app; documents → one document;
#      _docs, _health                   the root's pages and probes
#   6  _lifecycle                       all lifespans
#   7  _build                           the three phases put together
#   8  _cli                             what people type
#
# How to read it: _build/_compose.py first; it calls all the others in the order in which things happen.

from composer._build import Composition, build, compose, composition_of
from composer._model import App, Cornerstone, PartStatus, Problem, Project, State
from composer._wire import Shared
from composer.errors import ComposerError, CompositionError, PartError, ShutdownError, StartupError

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
]
