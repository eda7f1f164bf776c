"""API keys in a header: who has none, or a wrong one, gets a 401.

Keys are kept as SHA-256 hashes. A slow, salted password hash would be wrong here: a key is 256 random bits, so that
nobody can guess it from its hash however fast the hash is, and it is checked on every single request.
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

__all__ = ["Auth", "AuthSettings", "create_cornerstone", "hash_key", "new_key"]

HEX_DIGITS = frozenset("0123456789abcdef")


def new_key() -> str:
    """Make a new random key of 256 bits, in characters that any header takes."""
    return secrets.token_urlsafe(32)


def development_key() -> str:
    """Return a random key of 256 bits that all processes of one server share, and no other server has.

    Python gives the first process a random secret, and each one that it starts inherits that.
    """
    secret = multiprocessing.current_process().authkey
    made = hmac.digest(secret, b"shared.auth: the key of a development server", "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def hash_key(key: str) -> str:
    """Return the hash under which `key` is kept: SHA-256 in lower-case hex."""
    return hashlib.sha256(key.encode()).hexdigest()


class AuthSettings(BaseModel):
    """Which header carries the key, and which keys are good."""

    # A key put where its hash belongs must not be shown by the very error that complains of it.
    model_config = ConfigDict(hide_input_in_errors=True)

    header: str = Field(default="token", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", description="Name of the header.")
    keys: list[SecretStr] = Field(
        default=[], description="Hashes of the good keys; `python -m shared.auth new-key` prints one."
    )

    @field_validator("keys")
    @classmethod
    def _only_hashes(cls, keys: list[SecretStr]) -> list[SecretStr]:
        hashes = [key.get_secret_value().lower() for key in keys]
        for number, found in enumerate(hashes, start=1):
            if len(found) != 64 or not HEX_DIGITS.issuperset(found):
                raise ValueError(
                    f"entry {number} is not a hash of 64 hex digits (`python -m shared.auth new-key` prints one)"
                )
        return [SecretStr(found) for found in hashes]


class Auth(APIKeyHeader):
    """Ask a request for a good API key; a dependency, as in `Security(auth)`.

    It is FastAPI's own class, because FastAPI shows a dependency as a security scheme only if it is.
    """

    def __init__(self, header: str, hashes: Sequence[str]) -> None:
        super().__init__(name=header, scheme_name="APIKey", description="A key that this server's owner gave out.")
        self._hashes = tuple(hashes)
        self._development_key = "" if hashes else development_key()

    async def __aenter__(self) -> Self:
        if self._development_key:
            print(
                f"shared.auth: no key is configured; until this server stops, this one is good:"
                f" {self.model.name}: {self._development_key}",
                file=sys.stderr,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hold nothing that needs to be closed."""

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the hash of the request's key, which tells callers apart without revealing the key.

        Raises:
            HTTPException: 401 with `WWW-Authenticate`, for a missing or a wrong key alike.
        """
        found = hash_key(request.headers.get(self.model.name, ""))
        good = self._hashes or (hash_key(self._development_key),)
        # Each is compared, also after a match: the time taken tells nothing about which one was near.
        matches = [hmac.compare_digest(found, known) for known in good]
        if not any(matches):
            raise self.make_not_authenticated_error()
        return found


def create_cornerstone(settings: AuthSettings, project: Project) -> Auth:
    """Construct the check from its settings.

    Raises:
        ValueError: In production, and no key is configured.
    """
    if project.env == "production" and not settings.keys:
        raise ValueError(
            "no API key is configured, and production has no default one:"
            " `python -m shared.auth new-key` prints a key and where its hash goes"
        )
    return Auth(settings.header, [key.get_secret_value() for key in settings.keys])
