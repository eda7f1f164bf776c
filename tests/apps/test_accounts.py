from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import argon2
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import text

from apps.accounts import create_app
from composer import Project
from composer.contrib.db import DatabaseSettings
from shared.db import create_cornerstone

PASSWORD = "correct horse"
ADA = {"email": "Ada@Example.com", "password": PASSWORD}


@pytest.fixture
def http(compose_with_database: Callable[..., TestClient]) -> Iterator[TestClient]:
    with compose_with_database(create_app) as client:
        yield client


def add_user(http: TestClient, email: str) -> int:
    id: int = http.post("/users", json={"email": email, "password": PASSWORD}).json()["id"]
    return id


def test_a_created_user_is_answered_with_201_and_can_be_read(http: TestClient) -> None:
    created = http.post("/users", json=ADA)
    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "email": "ada@example.com"}
    assert http.get(f"/users/{created.json()['id']}").json() == created.json()


def test_users_are_listed_in_order_of_creation(http: TestClient) -> None:
    ids = [add_user(http, email) for email in ("c@example.com", "b@example.com", "a@example.com")]
    assert [user["id"] for user in http.get("/users").json()] == ids
    assert [user["id"] for user in http.get("/users", params={"skip": 1, "limit": 1}).json()] == ids[1:2]


@pytest.mark.parametrize("email", ["Ada@Example.com", "ADA@EXAMPLE.COM", "ada@example.com"])
def test_a_second_user_with_the_address_is_answered_with_409_in_any_case(http: TestClient, email: str) -> None:
    http.post("/users", json=ADA)
    assert http.post("/users", json={**ADA, "email": email}).status_code == 409
    assert len(http.get("/users").json()) == 1


def test_of_users_that_come_together_with_one_address_one_is_created(http: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.post("/users", json=ADA), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def kept_hash(url: str, root: Path) -> str:
    settings = DatabaseSettings(url=SecretStr(url))
    async with create_cornerstone(settings, Project(root, "test")) as database, database.session() as session:
        return str(await session.scalar(text("SELECT password_hash FROM users")))


@pytest.mark.anyio
async def test_the_password_is_kept_as_an_argon2_hash(
    compose_with_database: Callable[..., TestClient], database_url: str, tmp_path: Path
) -> None:
    with compose_with_database(create_app) as http:
        http.post("/users", json=ADA)
    hashed = await kept_hash(database_url, tmp_path)
    assert hashed.startswith("$argon2id$")
    assert argon2.PasswordHasher().verify(hashed, PASSWORD)


@pytest.mark.parametrize(
    "body",
    [
        ADA,
        {"password": PASSWORD},
        {"email": "none", "password": PASSWORD},
        {"email": [PASSWORD], "password": [PASSWORD]},
        {"email": "ada@example.com", "password": PASSWORD * 20},
        {"email": "ada@example.com", "password": PASSWORD[:7]},
    ],
)
def test_no_answer_holds_the_password(http: TestClient, body: dict[str, object]) -> None:
    answers = [http.post("/users", json=body), http.post("/users", json=body), http.get("/users")]
    assert PASSWORD[:7] not in "".join(answer.text for answer in answers)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"email": "ada@example.com"}',
        b'{"email": "ada@example.com", "password": "7 chars"}',
        b'{"email": "ada@example.com", "password": "long enough \\ud800"}',
        b'{"email": "ada", "password": "long enough"}',
        b'{"email": "a\\u0000@example.com", "password": "long enough"}',
        b'{"email": "%s@example.com", "password": "long enough"}' % (b"a" * 400),
        b'{"email": "ada@example.com", "password": "%s"}' % (b"a" * 129),
    ],
)
def test_a_bad_user_is_answered_with_422(http: TestClient, body: bytes) -> None:
    assert http.post("/users", content=body, headers={"content-type": "application/json"}).status_code == 422


def test_items_belong_to_their_user(http: TestClient) -> None:
    ada, bob = add_user(http, "ada@example.com"), add_user(http, "bob@example.com")
    created = http.post(f"/users/{ada}/items", json={"title": "Engine", "description": "Analytical"})
    http.post(f"/users/{bob}/items", json={"title": "Bucket"})
    assert created.status_code == 201
    assert created.json() == {
        "id": created.json()["id"],
        "title": "Engine",
        "description": "Analytical",
        "owner_id": ada,
    }
    assert http.get(f"/users/{ada}/items").json() == [created.json()]
    assert [item["description"] for item in http.get(f"/users/{bob}/items").json()] == [None]
    assert [item["title"] for item in http.get("/items").json()] == ["Engine", "Bucket"]


def test_skip_and_limit_choose_a_part_of_the_items(http: TestClient) -> None:
    ada = add_user(http, "ada@example.com")
    for title in "abcd":
        http.post(f"/users/{ada}/items", json={"title": title})
    for path in ("/items", f"/users/{ada}/items"):
        listed = http.get(path, params={"skip": 1, "limit": 2}).json()
        assert [item["title"] for item in listed] == ["b", "c"]


@pytest.mark.parametrize("id", [1, 2**31 - 1])
def test_an_unknown_user_is_answered_with_404(http: TestClient, id: int) -> None:
    answers = [http.get(f"/users/{id}"), http.get(f"/users/{id}/items")]
    answers.append(http.post(f"/users/{id}/items", json={"title": "a"}))
    assert [answer.status_code for answer in answers] == [404] * 3
    assert http.get("/items").json() == []


@pytest.mark.parametrize("id", ["0", str(2**31), "x"])
def test_an_id_that_no_database_holds_is_answered_with_422(http: TestClient, id: str) -> None:
    assert http.get(f"/users/{id}").status_code == 422
    assert http.post(f"/users/{id}/items", json={"title": "a"}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [{}, {"title": ""}, {"title": "a\0"}, {"title": "a", "description": "\0"}, {"title": "a" * 201}, {"title": None}],
)
def test_a_bad_item_is_answered_with_422(http: TestClient, body: dict[str, object]) -> None:
    ada = add_user(http, "ada@example.com")
    assert http.post(f"/users/{ada}/items", json=body).status_code == 422


def test_users_and_items_are_there_after_a_restart(compose_with_database: Callable[..., TestClient]) -> None:
    with compose_with_database(create_app) as http:
        http.post(f"/users/{add_user(http, 'ada@example.com')}/items", json={"title": "Engine"})
    with compose_with_database(create_app) as http:
        assert [user["email"] for user in http.get("/users").json()] == ["ada@example.com"]
        assert [item["title"] for item in http.get("/items").json()] == ["Engine"]
