"""The layers around one app, in order: limits, redaction, guard, hooks, adapters for its paths."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from composer._compat.fastapi import iter_route_contexts
from composer._compat.starlette import body_limit_keys
from composer._model import MAX_BODY_SIZE, BuiltApp, Plan
from composer._stack.foreign_paths import adapt_guest
from composer._stack.guard import Guard
from composer._stack.hooks import with_hooks
from composer._stack.limits import Limits, limited
from composer._stack.redact import with_redaction
from composer._wire.deferred import DeferredApp


def guards_of(plan: Plan) -> dict[str, Guard]:
    """Return the guards, by the names of the apps that have one."""
    values = {built.name: built.value for built in plan.cornerstones}
    declared = [app.declared for app in plan.apps if app.declared.guard]
    return {app.name: Guard(values[app.guard], app.guard_exempt) for app in declared}


def app_stack(app: BuiltApp, plan: Plan, guard: Guard | None) -> ASGIApp:
    """Return an app within all of its layers."""
    declared = app.declared
    limits = Limits(declared.max_concurrency, declared.request_timeout, _max_body_size(app))
    deferred = isinstance(app.asgi, DeferredApp)
    # A deferred app gets its inner layers when it is built.
    inner = app.asgi if deferred else inner_stack(app, plan)
    guarded = guard.before(inner) if guard else inner
    return limited(with_redaction(guarded, plan.secrets, deferred=deferred), limits)


def _max_body_size(app: BuiltApp) -> int | None:
    """Return the body limit to enforce; None where the app may have one of its own that is unknown."""
    limit = None if app.declared.max_body_size == "unlimited" else app.declared.max_body_size
    if body_limit_keys() or not isinstance(app.asgi, Starlette | DeferredApp):
        return limit
    owners = [app.asgi, *iter_route_contexts(getattr(app.asgi, "routes", ()))]
    has_own = any(getattr(owner, "max_body_size", None) is not None for owner in owners)
    return None if has_own or limit == MAX_BODY_SIZE else limit


def inner_stack(app: BuiltApp, plan: Plan) -> ASGIApp:
    """Return an app with the adapters for its paths, within the hooks of the cornerstones that it uses."""
    hooks = [built.hook("around_request") for built in plan.cornerstones if built.name in app.uses]
    return with_hooks(adapt_guest(app.asgi, app.declared), [hook for hook in hooks if hook])
