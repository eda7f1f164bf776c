"""Calling a check: awaited where it is async, with a browser where it asks for one, and never for ever."""

import asyncio
import inspect
from typing import Any

from tests.guests.catalogue import Check

# Seconds for one check.
PATIENCE = 60.0


def wants_browser(check: Check) -> bool:
    """Tell whether a check looks at its guest through a real browser."""
    return "browser" in inspect.signature(check).parameters


def run_check(check: Check, url: str, browser: Any = None) -> None:
    """Run a check of the guest at an address; what it raises says what is off."""
    arguments = [url, browser] if wants_browser(check) else [url]
    if inspect.iscoroutinefunction(check):
        asyncio.run(_in_time(check, arguments))
    else:
        check(*arguments)


async def _in_time(check: Check, arguments: list[Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        await check(*arguments)
