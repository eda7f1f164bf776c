"""`python -m tests.guests`: check all guests alone, under FastAPI.mount and under composer; print the results."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tests.guests.browser import is_installed, open_browser
from tests.guests.catalogue import Guest, guests
from tests.guests.checking import run_check
from tests.guests.document import Result, write_table
from tests.guests.mounted import CAUSES
from tests.guests.servers import served_alone, served_composed, served_mounted

# The cause if a check fails even with the others fixed.
LAST_CAUSE = "addresses without the prefix"

Failed = dict[str, list[str]]
console = Console(stderr=True)


def main(
    only: Annotated[list[str] | None, typer.Option(help="Check only this guest; can be repeated.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write the table into this file; not with --only.")] = None,
) -> None:
    """Check all guests in three ways; exit with 1 if a check fails under composer."""
    chosen = [guest for guest in guests() if not only or guest.name in only]
    if not chosen or not is_installed():
        raise typer.BadParameter("unknown guest" if not chosen else "chromium and chromedriver are required")
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with open_browser(folder / "browser") as browser:
            results = _results(chosen, folder, browser)
    _show(results)
    if write and not only:
        write_table(write, results)
    sys.exit(1 if any(result.composed for result in results) else 0)


def _results(chosen: Sequence[Guest], folder: Path, browser: Any) -> list[Result]:
    alone: Failed = {}
    for guest in chosen:
        with served_alone(guest.name, folder / guest.name) as server:
            alone[guest.name] = _failed("alone", server.url, guest, guest.checks, browser)
    with served_composed(folder / "composed") as server:
        composed = _all_failed("composed", server.url, chosen, browser)
    with served_mounted(folder / "mounted") as server:
        mounted = _all_failed("mounted", server.url, chosen, browser)
    causes = _causes(chosen, mounted, folder, browser)
    return [Result(each, alone[each.name], causes[each.name], composed[each.name]) for each in chosen]


def _causes(chosen: Sequence[Guest], failed: Failed, folder: Path, browser: Any) -> dict[str, dict[str, str]]:
    """Return the cause of each failed check: the one whose fix lets it pass."""
    found = {name: dict.fromkeys(checks, LAST_CAUSE) for name, checks in failed.items()}
    for fixed, cause in enumerate(CAUSES, start=1):
        with served_mounted(folder / f"mounted-{fixed}", fixed) as server:
            for guest in chosen:
                url, left = f"{server.url}/{guest.name}", failed[guest.name]
                still = _failed(f"mounted, {fixed} of {len(CAUSES)} causes fixed", url, guest, left, browser)
                found[guest.name] |= {name: cause for name in left if name not in still}
                failed = failed | {guest.name: still}
    return found


def _all_failed(way: str, url: str, chosen: Iterable[Guest], browser: Any) -> Failed:
    return {guest.name: _failed(way, f"{url}/{guest.name}", guest, guest.checks, browser) for guest in chosen}


def _failed(way: str, url: str, guest: Guest, names: Iterable[str], browser: Any) -> list[str]:
    """Return the checks that fail for a guest at an address, and print the reasons."""
    failed = []
    for name in names:
        try:
            run_check(guest.checks[name], url, browser)
        except Exception as error:
            failed.append(name)
            console.print(f"{way}: {guest.name}: {name}: {type(error).__name__}: {str(error)[:200]}", markup=False)
    return failed


def _show(results: Sequence[Result]) -> None:
    table = Table("guest", "alone", "FastAPI.mount", "composer", title="Failed checks")
    for result in results:
        failed = [result.alone, [f"{name} ({cause})" for name, cause in result.mounted.items()], result.composed]
        style = "red" if result.composed or result.alone else None
        table.add_row(result.guest.name, *("\n".join(names) for names in failed), style=style)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
