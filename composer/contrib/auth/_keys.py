"""API keys in a header: a request without a valid key gets a 401.

Keys are stored as SHA-256 hashes. A slow, salted password hash isn't needed: a key is 256 random bits, which can't be
guessed from its hash however fast the hash is, and it is checked on every request.
"""

import base64
import hashlib
import hmac
import multiprocessing
import secrets
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from starlette.requests import HTTPConnection

from composer import Project

HEX_DIGITS = frozenset("0123456789abcdef")


def new_key() -> str:
    """Return a new random key of 256 bits, in characters that are valid in any header."""
    return secrets.token_urlsafe(32)


def development_key() -> str:
    """Return a random key of 256 bits that all processes of one server share, and no other server has.

    Python creates a random secret in the first process, and its child processes inherit it.
    """
    secret = multiprocessing.current_process().authkey
    digest = hmac.digest(secret, b"composer.contrib.auth: the key of a development server", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def hash_key(key: str) -> str:
    """Return the hash of `key` to store: SHA-256 in lower-case hex."""
    return hashlib.sha256(key.encode()).hexdigest()


class APIKeySettings(BaseModel):
    """The header that carries the key, and the hashes of the valid keys."""

    # If a key is entered in place of its hash, the validation error must not show it.
    model_config = ConfigDict(hide_input_in_errors=True)

    header: str = Field(default="token", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", description="Name of the header.")
    keys: list[SecretStr] = Field(
        default=[], description="Hashes of the valid keys; `composer auth new-key` prints one."
    )

    @field_validator("keys")
    @classmethod
    def _only_hashes(cls, keys: list[SecretStr]) -> list[SecretStr]:
        hashes = [key.get_secret_value().lower() for key in keys]
        for number, key_hash in enumerate(hashes, start=1):
            if len(key_hash) != 64 or not HEX_DIGITS.issuperset(key_hash):
                raise ValueError(f"entry {number} isn't a hash of 64 hex digits (`composer auth new-key` prints one)")
        return [SecretStr(key_hash) for key_hash in hashes]


class APIKeyAuth(APIKeyHeader):
    """Require a valid API key; a dependency of routes, and a guard of apps.

    It is injected by its type, and returns the hash of the client's key:

        def create_app(auth: APIKeyAuth) -> FastAPI:
            app = FastAPI()

            @app.get("/me")
            async def read(client: Annotated[str, Security(auth)]) -> str: ...

    Without any hash, a temporary key is generated, and printed when the server starts.

    Args:
        header: The name of the header that carries the key.
        hashes: The hashes of the valid keys, as `hash_key` returns them.
    """

    # It inherits from FastAPI's class, because FastAPI documents only those as security schemes.

    def __init__(self, header: str, hashes: Sequence[str]) -> None:
        super().__init__(name=header, scheme_name="APIKey", description="An API key of this server.")
        self._hashes = tuple(hashes)
        self._development_key = "" if hashes else development_key()

    async def __aenter__(self) -> Self:
        if self._development_key:
            print(
                f"composer.contrib.auth: No API key configured. Temporary key for this run (header {self.model.name}):"
                f" {self._development_key}",
                file=sys.stderr,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: there is nothing to close."""

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the hash of the request's key, which identifies the client without revealing the key.

        Raises:
            HTTPException: 401 with `WWW-Authenticate`: the key is missing or invalid.
        """
        client = hash_key(request.headers.get(self.model.name, ""))
        valid = self._hashes or (hash_key(self._development_key),)
        # All are compared, even after a match, so that the duration reveals nothing about the keys.
        matches = [hmac.compare_digest(client, known) for known in valid]
        if not any(matches):
            raise self.make_not_authenticated_error()
        return client


def create_cornerstone(settings: APIKeySettings, project: Project) -> APIKeyAuth:
    """Return the check of API keys.

    Raises:
        ValueError: No key is configured in production.
    """
    if project.env == "production" and not settings.keys:
        raise ValueError(
            "no API key configured, and none is generated in production:"
            " `composer auth new-key` prints a key and the setting for its hash"
        )
    return APIKeyAuth(settings.header, [key.get_secret_value() for key in settings.keys])
