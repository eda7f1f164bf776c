"""Starlette-Admin: its pages, its forms, and what they link to."""

import re

from tests.guests.pages import assert_assets_load, assert_inside, client, get, links, redirect_of

PACKAGE = "starlette-admin"


def check_the_list_links_inside(url: str) -> None:
    page = get(f"{url}/admin/post/list")
    assert "First" in page.text
    assert_inside(url, links(page))


def check_links_lead_to_pages(url: str) -> None:
    found = [link for link in links(get(f"{url}/admin/post/list")) if "/detail?" in link]
    assert found[0].startswith(f"{url}/admin/post/detail?pk=1")
    assert "First" in get(found[0]).text


def check_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/admin/post/list"))


def check_a_form_is_saved_and_leads_back_to_the_list(url: str) -> None:
    with client(url) as browser:
        form = browser.get("/admin/post/create")
        token = re.search('name="csrftoken" value="([^"]+)"', form.text)
        assert token, "the form has no token"
        saved = browser.post("/admin/post/create", data={"title": "Second", "csrftoken": token[1]})
        assert redirect_of(saved) == f"{url}/admin/post/list"
        assert "Second" in browser.get("/admin/post/list").text


def check_a_slash_is_added_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/admin")) == f"{url}/admin/"
