"""The one door to the checks of built objects: before an install, at the start, and for the new version of an app."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.applications import Starlette

from composer._catalogue import problem
from composer._checks.declarations import check_objects, check_root, check_shadows
from composer._checks.dependencies import check_dependencies
from composer._checks.hooks import check_hooks
from composer._checks.lifespans import check_lifespan
from composer._checks.middleware import check_middleware, check_sessions
from composer._checks.routes import check_hidden, check_mounts
from composer._model import Plan, Problem, errors_among
from composer._wire.construct import check_root_dependencies


def check(
    plan: Plan, new: Plan, root: FastAPI | None, project: Path, paths: Iterable[str], earlier: Sequence[Problem] = ()
) -> list[Problem]:
    """Return the problems of a built plan; of FastAPI's and Starlette's apps only, others are not inspected.

    `new` are the parts to look into: the plan itself, one app's new version, or none if only the root may have changed.
    The `root` is checked too unless it is None; `paths` are those that composer itself answers. If there are errors
    among the `earlier` problems, the plan may lack a cornerstone, and what the root requires isn't checked.
    """
    problems = [each for stone in new.cornerstones for each in check_hooks(stone)]
    for app in new.apps:
        if isinstance(app.asgi, Starlette):
            problems += [*check_lifespan(app, app.asgi), *check_middleware(app.declared.place, app.asgi)]
            problems += check_mounts(app, app.asgi)
        if isinstance(app.asgi, FastAPI) and app.asgi.root_path:
            problems.append(problem("C024", app.declared.place, root_path=app.asgi.root_path))
    users = {app.declared.place: app.asgi for app in new.apps} | ({} if root is None else {"root": root})
    problems += [*check_objects(plan.apps), *check_hidden(plan.apps), *check_dependencies(plan, users, project)]
    if root is not None:
        problems += [*check_root([app.declared for app in plan.apps], root, paths), *check_middleware("root", root)]
        problems += check_sessions(plan, root)
        if not errors_among([*earlier, *problems]):
            problems += check_root_dependencies(root, plan)
    return [*problems, *check_shadows([*earlier, *problems], project)]
