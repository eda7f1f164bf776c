"""Flask: its page, its addresses, its session, its stream."""

from tests.guests.pages import assert_assets_load, client, events, get, links, redirect_of

PACKAGE = "flask"


def check_links_and_static_files_keep_the_prefix(url: str) -> None:
    page = get(f"{url}/")
    assert links(page) == [f"{url}/where"]
    assert_assets_load(url, page)


def check_a_view_knows_its_address(url: str) -> None:
    assert get(f"{url}/where").text == f"{url}/where {url}/where"


def check_a_form_is_kept_in_the_session(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.post("/name", data={"name": "Ada"})) == f"{url}/greet/"
        assert browser.get("/greet/").text == "hello Ada"


def check_a_slash_is_added_inside(url: str) -> None:
    with client(url) as browser:
        assert redirect_of(browser.get("/greet")) == f"{url}/greet/"


def check_events_are_streamed(url: str) -> None:
    assert events(f"{url}/events", 3) == ["0", "1", "2"]
