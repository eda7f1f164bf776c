"""The public keys of an issuer, which are fetched from its URL when they are needed."""

import logging
import time

import anyio
import anyio.to_thread
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWTError

logger = logging.getLogger("composer.contrib.auth")

# Seconds between two fetches for a key that isn't known: tokens with invented key IDs must not cause one each.
_UNKNOWN_KEY_PAUSE = 10.0
_TIMEOUT = 10.0


class KeysUnavailableError(Exception):
    """Report that the keys could never be fetched."""


class RemoteKeys:
    """Fetch a set of keys (JWKS), and again when it is older than `lifetime` seconds or lacks a key.

    If that fails, the keys that are known stay in use.
    """

    def __init__(self, url: str, lifetime: float) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=_TIMEOUT)
        self._lifetime = lifetime
        self._keys: list[PyJWK] = []
        self._tried = -float("inf")
        self._lock = anyio.Lock()

    async def find(self, key_id: str | None) -> PyJWK | None:
        """Return the key of a token that names `key_id`; one without is of the only key.

        Raises:
            KeysUnavailableError: No key has been fetched yet, and that fails.
        """
        # While another request fetches, a key that is known stays in use: the issuer may take long to answer.
        if self._must_fetch(key_id) and not (self._lock.locked() and self._known(key_id)):
            async with self._lock:
                # Another request may have fetched them meanwhile.
                if self._must_fetch(key_id):
                    await self._fetch()
        if not self._keys:
            raise KeysUnavailableError
        return self._known(key_id)

    def _must_fetch(self, key_id: str | None) -> bool:
        age = time.monotonic() - self._tried
        return age > self._lifetime or (self._known(key_id) is None and age > _UNKNOWN_KEY_PAUSE)

    def _known(self, key_id: str | None) -> PyJWK | None:
        keys = [key for key in self._keys if key_id in (None, key.key_id)]
        return keys[0] if len(keys) == 1 else None

    async def _fetch(self) -> None:
        try:
            keys = (await anyio.to_thread.run_sync(self._client.get_jwk_set)).keys
            self._keys = [key for key in keys if key.public_key_use in (None, "sig") and key.key_type != "oct"]
        except (PyJWTError, ValueError, OSError) as error:
            logger.warning("cannot fetch the keys of bearer tokens: %s", type(error).__name__)
        # Not if this was cancelled: then the next request tries again.
        self._tried = time.monotonic()
