"""All checks of built objects: valid Python that cannot work.

They look at FastAPI's and Starlette's apps; any other ASGI app is taken as it is.
"""

from fastapi import FastAPI
from starlette.applications import Starlette

from composer._catalogue import problem
from composer._checks.hooks import check_hooks
from composer._checks.lifespans import check_lifespan
from composer._checks.middleware import check_middleware, check_sessions
from composer._checks.routes import check_hidden, check_mounts
from composer._model import Plan, Problem


def check_built(plan: Plan, root: FastAPI) -> list[Problem]:
    """Return a problem for all that is wrong inside the cornerstones and the apps of a plan."""
    problems = [found for stone in plan.cornerstones for found in check_hooks(stone)]
    for app in plan.apps:
        if isinstance(app.asgi, Starlette):
            problems += [*check_lifespan(app, app.asgi), *check_middleware(app.declared.place, app.asgi)]
            problems += check_mounts(app, app.asgi)
        if isinstance(app.asgi, FastAPI) and app.asgi.root_path:
            problems.append(problem("C024", app.declared.place, root_path=app.asgi.root_path))
    problems += check_hidden(plan.apps)
    return [*problems, *check_middleware("root", root), *check_sessions(plan, root)]
