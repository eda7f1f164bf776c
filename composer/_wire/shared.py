"""`Shared[Database]`: a cornerstone as a dependency of handlers in a module-level router.

The objects are in the request's scope, not in a global variable: one router can serve in two compositions.
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
    """The dependency of one `Shared[...]`: a type, and the name of the cornerstone if several provide that type."""

    wanted: Any
    marked: str | None = None

    def __call__(self, connection: HTTPConnection) -> Any:
        """Return the shared object to FastAPI, which calls this as a dependency of each request.

        Raises LookupError if the app is served outside a composition, or if no cornerstone provides the type.
        """
        shared = connection.scope.get(SCOPE_SHARED)
        if shared is None:
            raise LookupError(f"{self} is used by an app that is served outside a composition.")
        return cast(SharedObjects, shared).find(self)

    def __str__(self) -> str:
        """Return the dependency as it is written in a handler."""
        name = type_name(self.wanted)
        return f'Shared[Annotated[{name}, "{self.marked}"]]' if self.marked else f"Shared[{name}]"


class SharedObjects:
    """The shared objects of one composition, in the scope of its requests."""

    def __init__(self, cornerstones: Iterable[BuiltCornerstone]) -> None:
        self._cornerstones = tuple(cornerstones)
        self._cache: dict[SharedDependency, Any] = {}

    def find(self, dependency: SharedDependency) -> Any:
        """Return the shared object; raise LookupError unless exactly one cornerstone provides it."""
        if dependency not in self._cache:
            candidates = [c for c in self._cornerstones if provides(c.provides, dependency.wanted)]
            named = [c for c in candidates if c.name == dependency.marked] if dependency.marked else candidates
            if len(named) != 1:
                raise LookupError(
                    f"{dependency}: {len(named)} cornerstones provide it, of {listed(c.name for c in candidates)}."
                )
            self._cache[dependency] = named[0].value
        return self._cache[dependency]


Provided = TypeVar("Provided")

if TYPE_CHECKING:
    Shared = Annotated[Provided, "the composition's object of that type"]
else:

    class Shared:
        """The annotation of a handler's parameter that gets a shared object, as a dependency of FastAPI.

        It is the object that factories get by that type. If several cornerstones provide the type, name one:
        `Shared[Annotated[Database, "replica"]]`. `composer check` reports a type that no cornerstone provides (C012).

        Raises:
            LookupError: The app is served outside a composition.

        Example:
            router = APIRouter()

            @router.get("/")
            async def show(db: Shared[Database]) -> list[str]:
                return await db.titles()
        """

        __module__ = "composer"

        def __class_getitem__(cls, wanted: Any) -> Any:
            """Return the dependency that FastAPI reads: `Annotated[wanted, Depends(...)]`."""
            if isinstance(wanted, tuple):
                raise TypeError('Shared takes one type; with a name: Shared[Annotated[Database, "replica"]]')
            kind, marked = split_marker(wanted)
            return Annotated[kind, Depends(SharedDependency(kind, marked))]


def shared_dependencies_of(app: Any) -> list[SharedDependency]:
    """Return the `Shared` dependencies of an app's routes, once each, in order of the routes."""
    calls = [call for context in _contexts(getattr(app, "routes", ())) for call in dependency_calls(context)]
    return list(dict.fromkeys(call for call in calls if isinstance(call, SharedDependency)))


def dependants_of(app: Any) -> Iterator[Any]:
    """Return what FastAPI read from the handlers of an app, and of the apps mounted in it."""
    dependants = [getattr(context, "dependant", None) for context in _contexts(getattr(app, "routes", ()))]
    return (dependant for dependant in dependants if dependant is not None)


def _contexts(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    for context in iter_route_contexts(routes):
        yield context
        if inner := getattr(context.route, "routes", None):
            yield from _contexts(inner)
