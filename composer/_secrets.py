"""The values that settings hold as secrets, and texts and errors without them.

Known are the values of `SecretStr` and `SecretBytes` in the settings that factories are given, and the password of one
that is a URL. What a part prints or logs by itself, or shows in its own answers, nobody looks through.
"""

import json
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, get_args
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

_HIDDEN = "**********"

# A shorter one would be found in every other word; it isn't much of a secret either.
_SHORTEST = 4


class Secrets:
    """The secrets that are known so far, to be taken out of what others are to read."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._texts: list[str] = []
        self.learn(values)

    def learn(self, values: Iterable[Any]) -> None:
        """Note the secrets among these values: in models, in collections, and however they may be written."""
        found = {text for value in values for secret in _secrets_in(value) for text in _spellings(secret)}
        # The longest first, for one may be a part of another.
        self._texts = sorted({*self._texts, *found}, key=lambda text: (-len(text), text))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def hidden(self, text: str) -> str:
        """Return the text with stars in place of each secret."""
        for secret in self._texts:
            text = text.replace(secret, _HIDDEN)
        return text

    def cleaned(self, error: BaseException) -> BaseException:
        """Return an error that shows no secret: itself, or one that is called the same, with its traceback.

        What isn't an Exception (a cancellation, the end of the process) is returned as it is.
        """
        if not isinstance(error, Exception) or not self._are_in(error):
            return error
        made = self._without(error)
        made.__cause__ = self.cleaned(error.__cause__) if error.__cause__ else None
        hides_context = error.__suppress_context__ or error.__context__ is None
        made.__context__ = None if hides_context else self.cleaned(error.__context__ or error)
        made.__suppress_context__ = error.__suppress_context__
        for note in getattr(error, "__notes__", ()):
            made.add_note(self.hidden(str(note)))
        return made.with_traceback(error.__traceback__)

    def raise_cleaned(self, error: Exception) -> NoReturn:
        """Raise an error so that it shows no secret, from where it was caught."""
        cleaned = self.cleaned(error)
        if cleaned is error:
            raise error
        raise cleaned from cleaned.__cause__

    def _are_in(self, error: Exception) -> bool:
        shown = "".join(traceback.format_exception(error)) if self._texts else ""
        return any(secret in shown for secret in self._texts)

    def _without(self, error: Exception) -> Exception:
        if isinstance(error, ExceptionGroup):
            parts = [self.cleaned(each) for each in error.exceptions]
            return ExceptionGroup(self.hidden(error.message), [each for each in parts if isinstance(each, Exception)])
        kind = type(error)
        made = type(kind.__name__, (RedactedError,), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})
        found: Exception = made(self.hidden(str(error)))
        return found


class RedactedError(Exception):
    """Stand for an error whose text held a secret."""


def secrets_below(model: type[BaseModel], table: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text in a table that stands where a model, or one inside of it, keeps secrets."""
    for name, field in model.model_fields.items():
        kinds = list(_kinds(field.annotation))
        value = table.get(field.alias or name, table.get(name))
        if SecretStr in kinds or SecretBytes in kinds:
            yield from _texts_in(value)
        for inner in [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]:
            for each in value if isinstance(value, list) else [value]:
                yield from secrets_below(inner, each) if isinstance(each, Mapping) else ()


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(inner)
    elif value is not None:
        yield str(value)


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode(errors="replace")
    elif isinstance(value, BaseModel):
        yield from _secrets_in(list(vars(value).values()))
    elif isinstance(value, Mapping):
        yield from _secrets_in(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _secrets_in(inner)


def _spellings(secret: str) -> set[str]:
    """Return a secret as it may be written: itself, quoted, in a URL; and the password where it is a URL."""
    whole = [secret, *_passwords(secret)]
    forms = [
        form
        for text in whole
        for form in (text, repr(text)[1:-1], json.dumps(text)[1:-1], quote(text, safe=""), quote_plus(text))
    ]
    return {form for form in forms if len(form) >= _SHORTEST}


def _passwords(secret: str) -> list[str]:
    try:
        password = urlsplit(secret).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []
