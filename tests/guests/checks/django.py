"""Django: its administration from the login to a form, its static files, and a stream."""

import httpx

from tests.guests.pages import assert_assets_load, assert_inside, client, events, get, links, redirect_of

PACKAGE = "django"


def logged_in(browser: httpx.Client) -> httpx.Response:
    page = redirect_of(browser.get("/admin/"))
    browser.get(page)
    form = {"username": "ada", "password": "a long passphrase", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post(page, data=form | {"next": httpx.URL(page).params["next"]})


def check_a_stranger_is_sent_to_the_login(url: str) -> None:
    path = httpx.URL(url).path.rstrip("/")
    with client(url) as browser:
        assert redirect_of(browser.get("/admin/")) == f"{url}/admin/login/?next={path}/admin/"
        assert redirect_of(browser.get("/where")) == f"{url}/where/"


def check_a_login_leads_to_the_administration(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(logged_in(browser)) == f"{url}/admin/"
        page = browser.get("/admin/")
        assert page.status_code == 200
        assert_inside(url, links(page))
        assert f"{url}/admin/auth/user/" in links(page)


def check_a_form_is_saved_and_leads_back_to_the_list(url: str) -> None:
    with client(url) as browser:
        logged_in(browser)
        form = browser.get("/admin/auth/group/add/")
        assert form.status_code == 200
        answer = browser.post(
            "/admin/auth/group/add/", data={"name": url, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        )
        if answer.status_code == 200:
            assert "already exists" in answer.text
        else:
            assert redirect_of(answer) == f"{url}/admin/auth/group/"
        assert url in browser.get("/admin/auth/group/").text


def check_static_files_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/admin/login/"))


def check_a_view_knows_its_address(url: str) -> None:
    assert get(f"{url}/where/").text == f"{url}/where/"


def check_a_view_streams(url: str) -> None:
    assert events(f"{url}/stream/", 3) == ["0", "1", "2"]
