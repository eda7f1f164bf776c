"""JSON Web Tokens, as a guard and as a dependency: which are let in, and what is answered to all others."""

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Any

import anyio
import anyio.to_thread
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI, Security, WebSocket
from fastapi.testclient import TestClient
from pydantic import ValidationError
from starlette.testclient import WebSocketDenialResponse

import composer
from composer.contrib.auth import _jwks
from composer.contrib.auth.jwt import BearerAuth, BearerSettings, Claims, create_cornerstone
from tests.conftest import Project as WriteProject

SECRET = "a secret of thirty-two characters, or more"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER, AUDIENCE = "https://issuer.example", "notes"
HS = {"algorithms": ["HS256"], "key": SECRET}


def pem(private: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(private.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


def token(key: Any = SECRET, algorithm: str = "HS256", key_id: str | None = None, **claims: Any) -> str:
    """Return a token that is good for a minute, with these claims; one that is None is left out."""
    all_claims = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60, **claims}
    kept = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": key_id} if key_id else None)


def dependent_app(auth: BearerAuth) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def read(claims: Annotated[Claims, Security(auth)]) -> str:
        return str(claims["sub"])

    @app.post("/")
    def write(claims: Annotated[Claims, Security(auth, scopes=["notes:write"])]) -> str:
        return "written"

    @app.websocket("/socket")
    async def talk(websocket: WebSocket, claims: Annotated[Claims, Security(auth)]) -> None:
        await websocket.accept()
        await websocket.close()

    return app


def plain_app() -> FastAPI:
    app = FastAPI()
    app.get("/")(lambda: "welcome")
    return app


def client(**settings: Any) -> TestClient:
    """Return a client of an app at `/` that asks the dependency, and of one at `/guarded` behind the guard."""
    cornerstone = composer.Cornerstone("auth", create_cornerstone, settings=settings or HS)
    apps = [
        composer.App("dependent", "/", dependent_app),
        composer.App("guarded", "/guarded", plain_app, guard="auth"),
    ]
    return TestClient(composer.compose(apps, cornerstones=[cornerstone]))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/", "/guarded/"])
def test_a_valid_token_is_let_in_by_the_dependency_and_by_the_guard(path: str) -> None:
    with client() as http:
        assert http.get(path, headers=bearer(token())).status_code == 200
        assert http.get("/", headers={"authorization": f"bearer {token()}"}).json() == "ada"


@pytest.mark.parametrize("path", ["/", "/guarded/"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}])
def test_a_request_without_a_token_is_answered_with_401_and_a_challenge(path: str, headers: dict[str, str]) -> None:
    with client() as http:
        answer = http.get(path, headers=headers)
    assert (answer.status_code, answer.json(), answer.headers["www-authenticate"]) == (
        401,
        {"detail": "Not authenticated"},
        "Bearer",
    )


def unsigned(**header: Any) -> str:
    parts = [header, {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


INVALID = {
    "another secret": lambda: token("another secret that is long enough, too"),
    "an algorithm that isn't in the settings": lambda: token(SECRET * 2, "HS512"),
    "none": lambda: unsigned(alg="none", typ="JWT"),
    "no signature": lambda: token().rpartition(".")[0] + ".",
    "changed claims": lambda: ".".join([token().split(".")[0], token(sub="eve").split(".")[1], token().split(".")[2]]),
    "no expiry": lambda: token(exp=None),
    "not yet valid": lambda: token(nbf=time.time() + 60),
    "expiry that is no number": lambda: token(exp="tomorrow"),
    "no token": lambda: "abc",
    "two dots": lambda: "..",
    "a header of many brackets": lambda: base64.urlsafe_b64encode(b"[" * 20_000).decode() + ".e30.x",
    "another issuer": lambda: token(iss="https://other.example"),
    "another audience": lambda: token(aud="others"),
    "no audience": lambda: token(aud=None),
    "no issuer": lambda: token(iss=None),
}


@pytest.mark.parametrize("make", INVALID.values(), ids=INVALID.keys())
def test_an_invalid_token_is_refused_and_neither_shown_nor_logged(
    make: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = make()
    with client(**HS, issuer=ISSUER, audience=AUDIENCE) as http:
        answer = http.get("/", headers=bearer(refused))
        assert http.get("/guarded/", headers=bearer(refused)).status_code == 401
    assert (answer.status_code, answer.json()) == (401, {"detail": "The token is invalid"})
    challenge = 'Bearer error="invalid_token", error_description="The token is invalid"'
    assert answer.headers["www-authenticate"] == challenge
    logged = [record.getMessage() for record in caplog.records if record.name == "composer.contrib.auth"]
    assert logged
    assert not [line for line in logged if refused in line or SECRET in line]


def test_an_expired_token_is_refused_as_expired_beyond_the_leeway() -> None:
    with client(**HS, leeway=30) as http:
        assert http.get("/", headers=bearer(token(exp=time.time() - 20))).status_code == 200
        answer = http.get("/", headers=bearer(token(exp=time.time() - 60)))
    assert (answer.status_code, answer.json()) == (401, {"detail": "The token has expired"})


def test_issuer_and_audience_are_those_of_the_settings() -> None:
    with client(**HS, issuer=ISSUER, audience=["admin", AUDIENCE]) as http:
        assert http.get("/", headers=bearer(token(aud=[AUDIENCE, "other"]))).status_code == 200
        assert http.get("/", headers=bearer(token(aud="admin"))).status_code == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 403),
        ({"scope": "notes:read"}, 403),
        ({"scope": "notes:read notes:write"}, 200),
        ({"scp": ["notes:write"]}, 200),
        ({"scope": 3}, 403),
    ],
)
def test_a_token_must_have_the_scopes_that_a_route_requires(claims: dict[str, Any], status: int) -> None:
    with client() as http:
        answer = http.post("/", headers=bearer(token(**claims)))
    assert answer.status_code == status
    if status == 403:
        assert answer.json() == {"detail": "The token lacks the scope notes:write"}
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="notes:write"'


def test_a_websocket_needs_a_valid_token_too() -> None:
    with client() as http:
        with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/socket"):
            raise AssertionError("it was let in")
        assert refused.value.status_code == 401
        with http.websocket_connect("/socket", headers=bearer(token())) as socket:
            assert socket.receive()["type"] == "websocket.close"


def test_the_document_has_the_security_scheme_for_the_dependency_and_for_the_guard() -> None:
    with client() as http:
        document = http.get("/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["Bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert document["paths"]["/"]["get"]["security"] == [{"Bearer": []}]
    assert document["paths"]["/"]["post"]["security"] == [{"Bearer": ["notes:write"]}]
    assert document["paths"]["/guarded/"]["get"]["security"] == [{"Bearer": []}]


PRIVATE_KEYS = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_a_token_is_checked_with_a_public_key(algorithm: str) -> None:
    private = PRIVATE_KEYS[algorithm]
    with client(algorithms=[algorithm], key=pem(private)) as http:
        assert http.get("/", headers=bearer(token(private, algorithm))).json() == "ada"
        assert http.get("/", headers=bearer(token())).status_code == 401


def test_a_public_key_is_no_secret_for_a_token_that_says_so() -> None:
    # The classic confusion: the key that everybody knows, as the secret of HS256. PyJWT itself refuses to sign it.
    with client(algorithms=["RS256"], key=pem(RSA)) as http:
        header, claims, _ = token().split(".")
        signed = jwt.get_algorithm_by_name("HS256").sign(f"{header}.{claims}".encode(), pem(RSA).encode())
        forged = f"{header}.{claims}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"
        assert http.get("/", headers=bearer(forged)).status_code == 401


PRIVATE = RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
BAD_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("exactly one of key and jwks_url", {"algorithms": ["RS256"]}),
    ("can't be mixed", {"algorithms": ["HS256", "RS256"], "key": SECRET}),
    ("Input should be", {"algorithms": ["none"], "key": SECRET}),
    ("at least 1", {"algorithms": [], "key": SECRET}),
    ("key is too short", {"algorithms": ["HS256"], "key": "hunter2"}),
    ("key is too short", {"algorithms": ["HS512"], "key": SECRET}),
    ("key must be a public key as PEM", {"algorithms": ["RS256"], "key": SECRET}),
    ("key must be a public key as PEM", {"algorithms": ["ES256"], "key": pem(RSA)}),
    ("or a secret for HS...", {"algorithms": ["HS256"], "key": pem(RSA)}),
    ("require a key", {"algorithms": ["HS256"], "jwks_url": "https://issuer.example/jwks"}),
    ("requires issuer and audience", {"algorithms": ["RS256"], "jwks_url": "https://issuer.example/jwks"}),
    ("key is a private key", {"algorithms": ["RS256"], "key": PRIVATE}),
]


@pytest.mark.parametrize(("problem", "settings"), BAD_SETTINGS)
def test_settings_that_cannot_be_safe_are_refused_without_the_key(problem: str, settings: dict[str, Any]) -> None:
    with pytest.raises(composer.CompositionError) as caught:
        client(**settings)
    assert problem in str(caught.value)
    for line in settings.get("key", "").splitlines():
        assert line not in str(caught.value)


def test_the_key_is_in_no_repr() -> None:
    settings = BearerSettings.model_validate(HS)
    assert SECRET not in repr(settings)
    assert SECRET not in repr(create_cornerstone(settings))
    with pytest.raises(ValidationError) as caught:
        BearerSettings.model_validate({"algorithms": ["HS256"], "key": "hunter2"})
    assert "hunter2" not in str(caught.value)


class Issuer:
    """An issuer's server: its keys, how often it was asked, and whether it answers at all."""

    def __init__(self) -> None:
        self.keys = {"one": RSA}
        self.is_up = True
        self.asked = 0
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(200 if issuer.is_up else 500)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": issuer.jwks()}).encode())

            def log_message(self, format: str, *values: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    def jwks(self) -> list[dict[str, Any]]:
        public = jwt.get_algorithm_by_name("RS256").to_jwk
        return [{**json.loads(public(key.public_key())), "kid": name, "use": "sig"} for name, key in self.keys.items()]


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever)
    thread.start()
    yield issuer
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


def remote(issuer: Issuer, **settings: Any) -> TestClient:
    return client(algorithms=["RS256"], jwks_url=issuer.url, issuer=ISSUER, audience=AUDIENCE, **settings)


def issued(key: Any = RSA, key_id: str | None = "one") -> dict[str, str]:
    return bearer(token(key, "RS256", key_id))


def test_the_keys_of_an_issuer_are_fetched_once_for_many_requests(issuer: Issuer) -> None:
    with remote(issuer) as http:
        assert issuer.asked == 0
        answers = [http.get("/", headers=issued(key_id=key_id)).status_code for key_id in ("one", "one", None)]
    assert (answers, issuer.asked) == ([200] * 3, 1)


def test_a_new_key_of_the_issuer_is_fetched_when_a_token_names_it(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with remote(issuer) as http:
        assert http.get("/", headers=issued()).status_code == 200
        issuer.keys["two"] = OTHER
        monkeypatch.setattr(_jwks, "_UNKNOWN_KEY_PAUSE", 0)
        assert http.get("/", headers=issued(OTHER, "two")).status_code == 200
        assert http.get("/", headers=issued(OTHER, "one")).status_code == 401


def test_invented_key_ids_do_not_make_the_issuer_be_asked_each_time(issuer: Issuer) -> None:
    with remote(issuer) as http:
        assert http.get("/", headers=issued()).status_code == 200
        answers = {http.get("/", headers=issued(OTHER, f"invented {number}")).status_code for number in range(20)}
    assert (answers, issuer.asked) == ({401}, 1)


def test_known_keys_stay_in_use_while_the_issuer_is_away(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with remote(issuer) as http:
        assert http.get("/", headers=issued()).status_code == 200
        issuer.is_up = False
        monkeypatch.setattr(_jwks, "_UNKNOWN_KEY_PAUSE", 0)
        assert http.get("/", headers=issued(OTHER, "two")).status_code == 401
        assert http.get("/", headers=issued()).status_code == 200
    assert "cannot fetch the keys of bearer tokens: PyJWKClientConnectionError" in caplog.text


def test_while_no_key_is_known_the_answer_is_503(issuer: Issuer) -> None:
    issuer.is_up = False
    with remote(issuer) as http:
        answer = http.get("/", headers=issued())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert http.get("/").status_code == 401


def test_a_few_lines_of_settings_guard_an_app(project: WriteProject) -> None:
    settings = f"""
        [cornerstones.auth]
        plugin = "jwt"
        algorithms = ["HS256"]
        key = "{SECRET}"

        [apps.plain]
        guard = "auth"
    """
    app = "from fastapi import FastAPI\n\ndef create_app() -> FastAPI:\n    return FastAPI()\n"
    root = project({"settings.toml": settings, "apps/plain.py": app})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.get("/plain/").status_code == 401
        assert http.get("/plain/", headers=bearer(token())).status_code == 404


@pytest.mark.anyio
async def test_requests_with_a_known_key_do_not_wait_for_an_issuer_that_is_asked_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = _jwks.RemoteKeys(issuer.url, lifetime=0)
    assert await keys.find("one")
    asked, answer = threading.Event(), threading.Event()

    def answer_late() -> Any:
        asked.set()
        assert answer.wait(10)
        raise jwt.PyJWKClientConnectionError

    monkeypatch.setattr(keys._client, "get_jwk_set", answer_late)
    async with anyio.create_task_group() as group:
        group.start_soon(keys.find, "one")
        assert await anyio.to_thread.run_sync(asked.wait, 10)
        with anyio.fail_after(5):
            assert await keys.find("one")
        answer.set()
