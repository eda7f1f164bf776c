"""Datasette: its pages, its JSON, its CSV, and what they link to."""

from tests.guests.pages import assert_assets_load, assert_inside, client, get, links, redirect_of

PACKAGE = "datasette"


def check_a_table_is_shown(url: str) -> None:
    assert "Ulysses" in get(f"{url}/library/books").text


def check_links_stay_inside_and_lead_to_pages(url: str) -> None:
    page = get(f"{url}/library/books")
    found = links(page)
    assert_inside(url, found)
    assert f"{url}/library/books/1" in found
    assert "Ulysses" in get(f"{url}/library/books/1").text


def check_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/library/books"))


def check_its_json_has_the_rows_and_its_own_address(url: str) -> None:
    document = get(f"{url}/library/books.json?_shape=objects").json()
    assert [row["title"] for row in document["rows"]] == ["Ulysses", "Emma"]
    first = get(f"{url}/library/books.json?_size=1").json()
    assert first["next_url"].startswith(f"{url}/library/books.json")
    assert get(first["next_url"]).json()["rows"] == [[2, "Emma"]]


def check_csv_is_streamed(url: str) -> None:
    assert get(f"{url}/library/books.csv?_stream=on").text.splitlines() == ["id,title", "1,Ulysses", "2,Emma"]


def check_a_slash_at_the_end_is_taken_away_inside(url: str) -> None:
    with client(url) as browser:
        sent_to = redirect_of(browser.get("/library/nothing/"))
        assert sent_to == f"{url}/library/nothing"
