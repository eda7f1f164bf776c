"""The secrets in settings, and texts and errors without them.

Secrets are the values of `SecretStr` and `SecretBytes` in the settings of factories, and the password in one that is a
URL. What a part itself prints, logs or answers is not redacted.
"""

import json
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from composer._compat.pydantic import types_of_own_errors
from composer._text import error_text

_HIDDEN = "**********"

# A shorter one would match parts of common words; it isn't much of a secret either.
_SHORTEST = 4

_SECRETS = (SecretStr, SecretBytes)
_TEXTS = (str, bytes, *_SECRETS)

# Not every Iterable: one may be endless, or exhausted by reading it.
_COLLECTIONS = (list, tuple, Set, deque)


class Secrets:
    """The secrets that are known so far, to redact in what others read."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._texts: list[str] = []
        self.learn(values)

    def learn(self, values: Iterable[Any]) -> None:
        """Add the secrets among these values, in models and in collections, in each of their spellings."""
        secrets = [_text_of(leaf) for value in values for leaf in _leaves(value) if isinstance(leaf, _SECRETS)]
        spellings = [text for secret in secrets for text in _spellings(secret)]
        # The longest first: one may be a part of another.
        self._texts = sorted({*self._texts, *spellings}, key=lambda text: (-len(text), text))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def redact(self, text: str) -> str:
        """Return the text with asterisks in place of each secret."""
        for secret in self._texts:
            text = text.replace(secret, _HIDDEN)
        return text

    def redacted(self, error: BaseException) -> BaseException:
        """Return an error that shows no secret: itself, or one whose class has the same name, with its traceback.

        A BaseException that is no Exception (a cancellation, the end of the process) is returned unchanged.
        """
        return self._redacted(error, {})

    def _redacted(self, error: BaseException, known: dict[int, BaseException]) -> BaseException:
        """Redact an error and its causes, each of them once: one may be its own cause (`raise error from error`).

        `known` maps the id of each error to its replacement.
        """
        if id(error) in known:
            return known[id(error)]
        if not isinstance(error, Exception) or not self._are_in(error):
            return error
        redacted = known[id(error)] = self._replacement(error)
        if isinstance(error, ExceptionGroup):
            parts = [self._redacted(part, known) for part in error.exceptions]
            exceptions = [part for part in parts if isinstance(part, Exception)]
            redacted = known[id(error)] = ExceptionGroup(self.redact(error.message), exceptions)
        cause, context = error.__cause__, None if error.__suppress_context__ else error.__context__
        redacted.__cause__ = None if cause is None else self._redacted(cause, known)
        redacted.__context__ = None if context is None else self._redacted(context, known)
        redacted.__suppress_context__ = error.__suppress_context__
        for note in getattr(error, "__notes__", ()):
            redacted.add_note(self.redact(str(note)))
        return redacted.with_traceback(error.__traceback__)

    def raise_redacted(self, error: Exception) -> NoReturn:
        """Raise an error that shows no secret, from where it was caught."""
        redacted = self.redacted(error)
        if redacted is error:
            raise error
        raise redacted from redacted.__cause__

    def _are_in(self, error: Exception) -> bool:
        shown = "".join(traceback.format_exception(error)) if self._texts else ""
        return any(secret in shown for secret in self._texts)

    def _replacement(self, error: Exception) -> Exception:
        kind = type(error)
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        return type(kind.__name__, (RedactedError,), names)(self.redact(error_text(error)))  # type: ignore[no-any-return]


class RedactedError(Exception):
    """Replaces an error whose text held a secret."""


def validation_errors(error: ValidationError, settings: Any) -> Iterator[tuple[ErrorDetails, str]]:
    """Yield each error that pydantic reports, with its message.

    A message of pydantic itself stays whole. One of a validator may repeat any value, whatever became of it, and is
    shown without any text of the settings.
    """
    by_pydantic = types_of_own_errors()
    rows = error.errors(include_url=False, include_context=False)
    leaves = [leaf for value in (settings, *(row["input"] for row in rows)) for leaf in _leaves(value)]
    texts = Secrets(SecretStr(_text_of(leaf)) for leaf in leaves if isinstance(leaf, _TEXTS))
    for row in rows:
        message = row["msg"].removeprefix("Value error, ")
        yield row, message if row["type"] in by_pydantic else texts.redact(message)


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the values in models, dataclasses and collections, at any depth, that are none of these."""
    if isinstance(value, BaseModel):
        inside: Iterable[Any] = [*vars(value).values(), *(value.model_extra or {}).values()]
    elif is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, field.name, None) for field in fields(value)]
    elif isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, _COLLECTIONS):
        inside = value
    else:
        yield value
        return
    for each in inside:
        yield from _leaves(each)


def _text_of(leaf: Any) -> str:
    text = leaf.get_secret_value() if isinstance(leaf, _SECRETS) else leaf
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _spellings(secret: str) -> set[str]:
    """Return the spellings of a secret: plain, quoted, in a URL; and those of its password where it is a URL."""
    texts = [secret]
    with suppress(ValueError):
        password = urlsplit(secret).password or ""
        texts += [password, unquote(password)]
    quoted = [
        (text, repr(text)[1:-1], json.dumps(text)[1:-1], quote(text, safe=""), quote_plus(text)) for text in texts
    ]
    return {form for forms in quoted for form in forms if len(form) >= _SHORTEST}
