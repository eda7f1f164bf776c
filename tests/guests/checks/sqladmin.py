"""SQLAdmin: its pages, its forms, and what they link to."""

from tests.guests.pages import assert_assets_load, assert_inside, client, get, links, redirect_of

PACKAGE = "sqladmin"


def check_the_list_shows_the_rows(url: str) -> None:
    assert "Ada" in get(f"{url}/admin/user/list").text


def check_links_stay_inside(url: str) -> None:
    page = get(f"{url}/admin/user/list")
    found = links(page)
    assert_inside(url, found)
    assert f"{url}/admin/user/create" in found
    get(f"{url}/admin/user/create")


def check_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/admin/"))


def check_a_slash_is_added_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/admin")) == f"{url}/admin/"


def check_a_form_is_saved_and_leads_back_to_the_list(url: str) -> None:
    with client(url) as browser:
        saved = browser.post("/admin/user/create", data={"name": "Grace", "save": "Save"})
        assert redirect_of(saved) == f"{url}/admin/user/list"
        assert "Grace" in browser.get("/admin/user/list?search=Grace").text
