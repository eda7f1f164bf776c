"""Every guest in one composition: what it does when it is served alone, it does under its prefix."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome

from tests.guests.browser import is_installed, open_browser
from tests.guests.catalogue import Guest, guests
from tests.guests.checking import run_check, wants_browser
from tests.guests.document import row_of
from tests.guests.servers import served_composed
from tests.serving import REPOSITORY

GUESTS = guests()
CHECKS = [pytest.param(guest, name, id=f"{guest.name}-{name}") for guest in GUESTS for name in guest.checks]

# What their clients and they themselves warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_composed(tmp_path_factory.mktemp("guests")) as server:
        yield server.url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if not is_installed():
        pytest.skip("neither chromium nor google-chrome with a chromedriver is installed")
    with open_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.mark.parametrize(("guest", "name"), CHECKS)
def test_A_check_passes_under_the_prefix(guest: Guest, name: str, address: str, request: pytest.FixtureRequest) -> None:
    check = guest.checks[name]
    driver = request.getfixturevalue("browser") if wants_browser(check) else None
    run_check(check, f"{address}/{guest.name}", driver)


def test_All_guests_are_up_in_one_process(address: str) -> None:
    answer = httpx.get(f"{address}/readyz")
    assert answer.status_code == 200
    assert {part["name"]: part["state"] for part in answer.json()["parts"]} == {guest.name: "up" for guest in GUESTS}


def test_The_documents_of_guests_that_have_one_join_the_merged_one(address: str) -> None:
    paths = httpx.get(f"{address}/openapi.json", timeout=60).json()["paths"]
    joined = {path.split("/")[1] for path in paths}
    assert joined >= {"blacksheep", "fastapi", "litestar", "titiler"}
    assert "/litestar/schema/openapi.json" not in paths


@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.name)
def test_The_page_tells_that_all_checks_of_a_guest_pass(guest: Guest) -> None:
    row = row_of(Path(REPOSITORY, "docs/guests.md"), guest)
    assert row["alone"] == row["composer"] == f"{len(guest.checks)}/{len(guest.checks)}"
