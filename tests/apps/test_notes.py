from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from apps.notes import create_app

MAX_INTEGER = 2**31 - 1


@pytest.fixture
def http(compose_with_database: Callable[..., TestClient]) -> Iterator[TestClient]:
    with compose_with_database(create_app, page_size=3) as client:
        yield client


def add(http: TestClient, *texts: str) -> list[int]:
    return [http.post("/", json={"text": text}).json()["id"] for text in texts]


def test_a_created_note_is_answered_with_201_and_can_be_read(http: TestClient) -> None:
    created = http.post("/", json={"text": "Water the plants", "completed": True})
    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "text": "Water the plants", "completed": True}
    assert http.get(f"/{created.json()['id']}").json() == created.json()


def test_a_new_note_is_not_completed_unless_it_says_so(http: TestClient) -> None:
    assert http.post("/", json={"text": "a"}).json()["completed"] is False


def test_an_empty_database_lists_no_notes(http: TestClient) -> None:
    assert http.get("/").json() == {"items": [], "total": 0, "skip": 0, "limit": 3}


def test_a_list_is_in_order_of_creation_and_as_long_as_the_settings_say(http: TestClient) -> None:
    ids = add(http, "e", "d", "c", "b", "a")
    listed = http.get("/").json()
    assert [note["id"] for note in listed["items"]] == ids[:3]
    assert (listed["total"], listed["limit"]) == (5, 3)


def test_skip_and_limit_choose_a_part_of_the_list(http: TestClient) -> None:
    ids = add(http, "a", "b", "c", "d", "e")
    listed = http.get("/", params={"skip": 1, "limit": 4}).json()
    assert [note["id"] for note in listed["items"]] == ids[1:]
    assert (listed["total"], listed["skip"], listed["limit"]) == (5, 1, 4)


def test_a_change_leaves_what_it_doesnt_name_as_it_was(http: TestClient) -> None:
    first, second = add(http, "a", "b")
    assert http.patch(f"/{first}", json={"completed": True}).json() == {"id": first, "text": "a", "completed": True}
    assert http.patch(f"/{first}", json={"text": "c"}).json() == {"id": first, "text": "c", "completed": True}
    assert http.get(f"/{first}").json()["text"] == "c"
    assert http.get(f"/{second}").json() == {"id": second, "text": "b", "completed": False}


def test_an_empty_change_answers_with_the_note_as_it_is(http: TestClient) -> None:
    (id,) = add(http, "a")
    assert http.patch(f"/{id}", json={}).json() == {"id": id, "text": "a", "completed": False}


def test_a_deleted_note_is_gone_and_its_id_is_not_used_again(http: TestClient) -> None:
    (id,) = add(http, "a")
    deleted = http.delete(f"/{id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert http.get(f"/{id}").status_code == 404
    assert http.delete(f"/{id}").status_code == 404
    assert add(http, "b") != [id]


@pytest.mark.parametrize("id", [1, MAX_INTEGER])
def test_an_unknown_id_is_answered_with_404(http: TestClient, id: int) -> None:
    answers = [http.get(f"/{id}"), http.patch(f"/{id}", json={"text": "a"}), http.patch(f"/{id}", json={})]
    answers.append(http.delete(f"/{id}"))
    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].json() == {"detail": "Note not found"}


@pytest.mark.parametrize("id", ["0", "-1", str(MAX_INTEGER + 1), "9" * 400, "x", "1.5"])
def test_an_id_that_no_database_holds_is_answered_with_422(http: TestClient, id: str) -> None:
    assert http.get(f"/{id}").status_code == 422


@pytest.mark.parametrize(
    "query", [{"skip": -1}, {"skip": MAX_INTEGER + 1}, {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"skip": 2**63}]
)
def test_a_skip_or_limit_out_of_range_is_answered_with_422(http: TestClient, query: dict[str, str]) -> None:
    assert http.get("/", params=query).status_code == 422


def test_the_greatest_skip_and_limit_are_answered_with_an_empty_list(http: TestClient) -> None:
    add(http, "a")
    assert http.get("/", params={"skip": MAX_INTEGER, "limit": 1000}).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"text": ""}',
        b'{"text": null}',
        b'{"text": 1}',
        b'{"text": "a\\u0000b"}',
        b'{"text": "\\ud800"}',
        b'{"text": "a", "completed": NaN}',
        b'{"text": "a", "completed": 1}',
        b'{"text": "%s"}' % (b"a" * 10_001),
        b"not json",
    ],
)
def test_a_bad_body_is_answered_with_422(http: TestClient, body: bytes) -> None:
    (id,) = add(http, "a")
    headers = {"content-type": "application/json"}
    assert http.post("/", content=body, headers=headers).status_code == 422
    if body != b"{}":
        assert http.patch(f"/{id}", content=body, headers=headers).status_code == 422


def test_any_other_text_is_kept_as_it_came(http: TestClient) -> None:
    text = "\u00e4\U0001f409\n\t'\"\\;--%_ \u202e" + "a" * 9_900
    assert http.get(f"/{add(http, text)[0]}").json()["text"] == text


def test_notes_are_there_after_a_restart(compose_with_database: Callable[..., TestClient]) -> None:
    with compose_with_database(create_app) as http:
        ids = add(http, "a")
    with compose_with_database(create_app) as http:
        assert [note["id"] for note in http.get("/").json()["items"]] == ids
