"""`Shared[Database]`: a cornerstone as a dependency of handlers that have no factory's arguments at hand.

The objects are found in the request's scope and nowhere global, so the same router can serve in two compositions.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, cast

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from composer._compat.fastapi import dependency_calls, iter_route_contexts
from composer._model import BuiltCornerstone
from composer._scope import SCOPE_SHARED
from composer._text import listed
from composer._wire.types import provides, split_marker, type_name


class SharedDependency(NamedTuple):
    """What one `Shared[...]` asks for: a type, and the cornerstone's name where several are of that type."""

    wanted: Any
    marked: str | None = None

    def __call__(self, connection: HTTPConnection) -> Any:
        """Return the shared object to FastAPI, which calls this as a dependency of each request.

        Raises LookupError where the app is served outside a composition, or none of its cornerstones is asked for.
        """
        shared = connection.scope.get(SCOPE_SHARED)
        if shared is None:
            raise LookupError(f"{self} is used by an app that is served outside a composition.")
        return cast(SharedObjects, shared).find(self)

    def __str__(self) -> str:
        """Return the demand as it is written in a handler."""
        name = type_name(self.wanted)
        return f'Shared[Annotated[{name}, "{self.marked}"]]' if self.marked else f"Shared[{name}]"


class SharedObjects:
    """The shared objects of one composition, as the scope of its requests carries them."""

    def __init__(self, cornerstones: Iterable[BuiltCornerstone]) -> None:
        self._cornerstones = tuple(cornerstones)
        self._cache: dict[SharedDependency, Any] = {}

    def find(self, dependency: SharedDependency) -> Any:
        """Return the object that is asked for; raise LookupError unless exactly one cornerstone is it."""
        if dependency not in self._cache:
            candidates = [c for c in self._cornerstones if provides(c.provides, dependency.wanted)]
            named = [c for c in candidates if c.name == dependency.marked] if dependency.marked else candidates
            if len(named) != 1:
                raise LookupError(f"{dependency}: {len(named)} cornerstones fit, of {listed(c.name for c in candidates)}.")
            self._cache[dependency] = named[0].value
        return self._cache[dependency]


Provided = TypeVar("Provided")

if TYPE_CHECKING:
    Shared = Annotated[Provided, "the composition's object of that type"]
else:

    class Shared:
        """Ask for a shared object in a handler: `db: Shared[Database]`.

        It gives the same object that factories get by that type. Where several cornerstones are of the type, name
        the one that is meant: `Shared[Annotated[Database, "replica"]]`.
        """

        def __class_getitem__(cls, wanted: Any) -> Any:
            """Return the dependency that FastAPI reads: `Annotated[wanted, Depends(...)]`."""
            kind, marked = split_marker(wanted)
            return Annotated[kind, Depends(SharedDependency(kind, marked))]


def shared_dependencies_of(app: Any) -> list[SharedDependency]:
    """Return what the routes of an app ask for by `Shared`, once each, in order of the routes."""
    calls = [call for context in _contexts(getattr(app, "routes", ())) for call in dependency_calls(context)]
    return list(dict.fromkeys(call for call in calls if isinstance(call, SharedDependency)))


def dependants_of(app: Any) -> Iterator[Any]:
    """Return what FastAPI read of the handlers of an app, and of the apps that are mounted in it."""
    dependants = [getattr(context, "dependant", None) for context in _contexts(getattr(app, "routes", ()))]
    return (dependant for dependant in dependants if dependant is not None)


def _contexts(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    for context in iter_route_contexts(routes):
        yield context
        if inner := getattr(context.route, "routes", None):
            yield from _contexts(inner)
