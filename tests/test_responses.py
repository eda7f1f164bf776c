"""`composer.responses`: the error responses that the apps of a project share."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from composer.responses import documented, documented_503, problem_json, unavailable, with_plain_errors


class Login(BaseModel):
    password: int


@pytest.fixture
def http() -> TestClient:
    app = FastAPI()
    router = APIRouter()

    @router.post("/login")
    def log_in(login: Login) -> None: ...

    @router.get("/login", responses=documented(s404="No such login") | documented_503("Too busy."))
    def show() -> None: ...

    app.include_router(router, prefix="/v1")
    app.get("/busy")(lambda: unavailable("Too busy.", retry_after=7))
    app.get("/gone")(lambda: problem_json(410, "Gone", "It was here."))
    return TestClient(with_plain_errors(app))


def test_invalid_input_is_described_and_not_sent_back(http: TestClient) -> None:
    answer = http.post("/v1/login", json={"password": "hunter2"})
    [fault] = answer.json()["detail"]
    assert (answer.status_code, fault["loc"], set(fault)) == (422, ["body", "password"], {"type", "loc", "msg"})
    assert "hunter2" not in answer.text


def test_input_that_is_no_json_number_is_a_422_too(http: TestClient) -> None:
    answer = http.post("/v1/login", content=b'{"password": NaN}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_wrong_method_is_answered_with_all_methods_of_the_path(http: TestClient) -> None:
    answer = http.put("/v1/login")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_problems_are_problem_json(http: TestClient) -> None:
    busy, gone = http.get("/busy"), http.get("/gone")
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")
    assert busy.json() == {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "Too busy."}
    assert (gone.status_code, gone.headers["content-type"]) == (410, "application/problem+json")


def test_the_document_describes_them(http: TestClient) -> None:
    responses = http.get("/openapi.json").json()["paths"]["/v1/login"]["get"]["responses"]
    assert responses["404"]["description"] == "No such login"
    assert list(responses["503"]["content"]) == ["application/problem+json"]
    assert list(responses["503"]["headers"]) == ["Retry-After"]
