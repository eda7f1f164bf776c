"""Bearer tokens in the form of JSON Web Tokens: a request without a valid token gets a 401.

Signatures and claims are checked by PyJWT. The algorithms are those of the settings, whatever a token names (RFC 8725).
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from fastapi import HTTPException
from fastapi.security import HTTPBearer, SecurityScopes
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator
from starlette.requests import HTTPConnection

from composer.contrib import requires_extra

with requires_extra("auth"):
    import jwt
    from jwt.exceptions import ExpiredSignatureError, PyJWTError

    from composer.contrib.auth._jwks import KeysUnavailableError, RemoteKeys

__all__ = ["BearerAuth", "BearerSettings", "Claims", "create_cornerstone"]

logger = logging.getLogger("composer.contrib.auth")

Claims = dict[str, Any]

Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip

# Seconds after which a client may try again.
_RETRY_AFTER = "10"


class BearerSettings(BaseModel):
    """What a valid token is signed with, and which claims it has."""

    model_config = ConfigDict(hide_input_in_errors=True)

    algorithms: list[Algorithm] = Field(min_length=1, description="Accepted algorithms, such as RS256.")
    key: SecretStr | None = Field(
        default=None, description="The secret of HS256, HS384 or HS512, or else the public key as PEM."
    )
    jwks_url: HttpUrl | None = Field(
        default=None, description="URL of the issuer's public keys, in place of a key: its `jwks_uri`."
    )
    issuer: str | None = Field(default=None, description="The required claim `iss`.")
    audience: str | list[str] = Field(default=[], description="What the claim `aud` must contain, or one of these.")
    leeway: float = Field(default=10.0, ge=0, le=300, description="Seconds by which clocks may differ.")
    jwks_lifetime: float = Field(
        default=300.0, ge=1, le=86_400, description="Seconds after which the issuer's keys are fetched again."
    )

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        are_secret = {algorithm.startswith("HS") for algorithm in self.algorithms}
        if len(are_secret) > 1:
            raise ValueError("algorithms of a secret (HS...) and of a public key can't be mixed: RFC 8725, 2.1")
        if (self.key is None) == (self.jwks_url is None):
            raise ValueError("exactly one of key and jwks_url is required")
        if self.key is not None:
            _check_key(self.key.get_secret_value(), self.algorithms)
        elif True in are_secret:
            raise ValueError("HS256, HS384 and HS512 require a key; jwks_url is for public keys")
        elif not (self.issuer and self.audience):
            raise ValueError("jwks_url requires issuer and audience: others get tokens of that issuer, too")
        return self


def _check_key(key: str, algorithms: Sequence[str]) -> None:
    """Raise ValueError, without the key, if it is none for these algorithms."""
    if "PRIVATE KEY" in key:
        raise ValueError("key is a private key; a server that checks tokens needs only the public one")
    for name in algorithms:
        try:
            algorithm = jwt.get_algorithm_by_name(name)
            too_short = algorithm.check_key_length(algorithm.prepare_key(key))
        except RuntimeError:
            raise ValueError("these algorithms require cryptography: pip install 'fastapi-composer[auth]'") from None
        except (PyJWTError, TypeError, ValueError):
            # Not its own text: that may contain a part of the key.
            raise ValueError("key must be a public key as PEM for these algorithms, or a secret for HS...") from None
        if too_short:
            raise ValueError("key is too short for these algorithms: RFC 7518, 3.2 and 3.3")


class BearerAuth(HTTPBearer):
    """Require a valid JSON Web Token (`Authorization: Bearer ...`); a dependency of routes, and a guard of apps.

    It is injected by its type, and returns the claims of the token. Scopes are those of the claim `scope` or `scp`:

        def create_app(auth: BearerAuth) -> FastAPI:
            app = FastAPI()

            @app.post("/notes")
            async def add(claims: Annotated[Claims, Security(auth, scopes=["notes:write"])]) -> str: ...

    Args:
        settings: The algorithms, the key, and the required claims.
    """

    # It inherits from FastAPI's class, because FastAPI documents only those as security schemes.

    def __init__(self, settings: BearerSettings) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="Bearer", description="A JSON Web Token (RFC 7519).")
        self._settings = settings
        self._remote = RemoteKeys(str(settings.jwks_url), settings.jwks_lifetime) if settings.jwks_url else None

    async def __call__(self, request: HTTPConnection, security_scopes: SecurityScopes) -> Claims:  # type: ignore[override]
        """Return the claims of the request's token.

        Raises:
            HTTPException: 401 with `WWW-Authenticate`: the token is missing or invalid; 403: it lacks a scope; 503: the
                issuer's keys have never been fetched, because its server can't be reached.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise self.make_not_authenticated_error()
        try:
            claims = await self._claims(token.strip())
        except KeysUnavailableError:
            raise HTTPException(503, "Tokens can't be checked at the moment", {"Retry-After": _RETRY_AFTER}) from None
        except (PyJWTError, TypeError, ValueError, RecursionError) as error:
            # Neither the token nor the error's text, which may contain a part of it.
            logger.info("token refused: %s", type(error).__name__)
            detail = "The token has expired" if isinstance(error, ExpiredSignatureError) else "The token is invalid"
            raise _refusal(401, detail, error="invalid_token", error_description=detail) from None
        if missing := set(security_scopes.scopes) - _scopes(claims):
            detail = f"The token lacks the scope {', '.join(sorted(missing))}"
            raise _refusal(403, detail, error="insufficient_scope", scope=security_scopes.scope_str)
        return claims

    async def _claims(self, token: str) -> Claims:
        settings, algorithms = self._settings, list[str](self._settings.algorithms)
        key: Any = settings.key.get_secret_value() if settings.key else None
        if self._remote is not None:
            remote = await self._remote.find(jwt.get_unverified_header(token).get("kid"))
            if remote is None:
                raise jwt.InvalidKeyError
            key = remote.key
        required = ["exp", *(["iss"] if settings.issuer else []), *(["aud"] if settings.audience else [])]
        return jwt.decode(
            token,
            key,
            algorithms,
            options={"require": required, "verify_aud": bool(settings.audience), "enforce_minimum_key_length": True},
            audience=settings.audience or None,
            issuer=settings.issuer,
            leeway=settings.leeway,
        )


def _refusal(status: int, detail: str, **parameters: str) -> HTTPException:
    """Return an error with a challenge as in RFC 6750, section 3."""
    challenge = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    return HTTPException(status, detail, {"WWW-Authenticate": f"Bearer {challenge}"})


def _scopes(claims: Mapping[str, Any]) -> set[str]:
    """Return the scopes of a token: `scope` is a text with blanks (RFC 8693, 4.2), `scp` that or a list."""
    granted: set[str] = set()
    for value in (claims.get("scope"), claims.get("scp")):
        granted.update(value.split() if isinstance(value, str) else value if isinstance(value, list) else ())
    return granted


def create_cornerstone(settings: BearerSettings) -> BearerAuth:
    """Return the check of bearer tokens; the issuer's keys are fetched by the first request."""
    return BearerAuth(settings)
