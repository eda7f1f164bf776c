"""The values that settings hold as secrets, and texts and errors without them.

Known are the values of `SecretStr` and `SecretBytes` in the settings that factories are given, and the password of one
that is a URL. What a part prints or logs by itself, or shows in its own answers, nobody looks through.
"""

import json
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, get_args, get_type_hints
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import AliasChoices, AliasPath, BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from composer._compat.pydantic import known_fields, types_of_own_errors
from composer._text import error_text

_HIDDEN = "**********"

# A shorter one would be found in every other word; it isn't much of a secret either.
_SHORTEST = 4

_TEXTS = (str, bytes, SecretStr, SecretBytes)

# Not every Iterable: one may have no end, or be used up by looking.
_COLLECTIONS = (list, tuple, Set, deque)


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

    def redact(self, text: str) -> str:
        """Return the text with stars in place of each secret."""
        for secret in self._texts:
            text = text.replace(secret, _HIDDEN)
        return text

    def redacted(self, error: BaseException) -> BaseException:
        """Return an error that shows no secret: itself, or one that is called the same, with its traceback.

        What isn't an Exception (a cancellation, the end of the process) is returned as it is.
        """
        return self._redacted(error, {})

    def _redacted(self, error: BaseException, known: dict[int, BaseException]) -> BaseException:
        """Clean an error and those behind it, each of them once: one may be behind itself (`raise error from error`).

        `known` are the cleaned ones, by the id of the error that each stands for.
        """
        if id(error) in known:
            return known[id(error)]
        if not isinstance(error, Exception) or not self._are_in(error):
            return error
        made = known[id(error)] = self._stand_in(error)
        if isinstance(error, ExceptionGroup):
            parts = [self._redacted(each, known) for each in error.exceptions]
            message = self.redact(error.message)
            made = known[id(error)] = ExceptionGroup(message, [each for each in parts if isinstance(each, Exception)])
        cause, context = error.__cause__, None if error.__suppress_context__ else error.__context__
        made.__cause__ = None if cause is None else self._redacted(cause, known)
        made.__context__ = None if context is None else self._redacted(context, known)
        made.__suppress_context__ = error.__suppress_context__
        for note in getattr(error, "__notes__", ()):
            made.add_note(self.redact(str(note)))
        return made.with_traceback(error.__traceback__)

    def raise_redacted(self, error: Exception) -> NoReturn:
        """Raise an error so that it shows no secret, from where it was caught."""
        redacted = self.redacted(error)
        if redacted is error:
            raise error
        raise redacted from redacted.__cause__

    def _are_in(self, error: Exception) -> bool:
        shown = "".join(traceback.format_exception(error)) if self._texts else ""
        return any(secret in shown for secret in self._texts)

    def _stand_in(self, error: Exception) -> Exception:
        kind = type(error)
        made = type(kind.__name__, (RedactedError,), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})
        found: Exception = made(self.redact(error_text(error)))
        return found


class RedactedError(Exception):
    """Stand for an error whose text held a secret."""


def mistakes(error: ValidationError, secrets: Sequence[str] = ()) -> Iterator[tuple[ErrorDetails, str]]:
    """Yield each mistake that pydantic found, with what is wrong: these secrets are hidden, and so is the value itself.

    What pydantic says in its own words stays whole: only a validator may repeat the value.
    """
    by_pydantic = types_of_own_errors()
    rows = error.errors(include_url=False, include_context=False)
    # Also of a field that doesn't look like a secret's: nobody can tell from the outside what it is made into.
    given = [_text_of(leaf) for row in rows for leaf in _leaves(row["input"]) if isinstance(leaf, _TEXTS)]
    secret = Secrets(map(SecretStr, secrets))
    value_or_secret = Secrets(map(SecretStr, [*secrets, *given]))
    for row in rows:
        hiding = secret if row["type"] in by_pydantic else value_or_secret
        yield row, hiding.redact(row["msg"].removeprefix("Value error, "))


def secrets_below(annotation: Any, value: Any) -> list[str]:
    """Return every text in a value that stands under the name of a secret, in what the annotation makes of it."""
    return [*_secrets_in(value), *_below(_names_of_secrets(annotation, set()), value)]


def _below(names: Set[str], value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from map(_text_of, _leaves(inner)) if key in names else _below(names, inner)
    elif isinstance(value, _COLLECTIONS):
        for inner in value:
            yield from _below(names, inner)


def _names_of_secrets(annotation: Any, seen: set[type]) -> set[str]:
    """Return the keys under which models, dataclasses and the like find secrets, and those inside of them."""
    names: set[str] = set()
    for kind in classes_in(annotation):
        if kind not in seen:
            seen.add(kind)
            for name, field in _fields_of(kind).items():
                is_secret = any(issubclass(each, SecretStr | SecretBytes) for each in classes_in(field.annotation))
                names |= {name, *input_names(name, field)} if is_secret else _names_of_secrets(field.annotation, seen)
    return names


def _fields_of(kind: type) -> Mapping[str, FieldInfo]:
    if (found := known_fields(kind)) is not None:
        return found
    try:
        hints = get_type_hints(kind, include_extras=True)
        return {name: FieldInfo.from_annotation(hint) for name, hint in hints.items()}
    except Exception:
        # Names that only pydantic finds, for it knows where the class is used; or what no field can be.
        return {}


def input_names(name: str, field: FieldInfo) -> list[str]:
    """Return the names under which a field of a model may be written: its aliases, else its own."""
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
    return [str(choice.path[0]) if isinstance(choice, AliasPath) else choice for choice in choices]


def classes_in(annotation: Any) -> Iterator[type]:
    """Yield each class that an annotation names."""
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from classes_in(argument)


def _secrets_in(value: Any) -> Iterator[str]:
    return (_text_of(leaf) for leaf in _leaves(value) if isinstance(leaf, SecretStr | SecretBytes))


def _leaves(value: Any) -> Iterator[Any]:
    """Yield all that stands in models, dataclasses and collections, however deep, and is none itself."""
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
    found = leaf.get_secret_value() if isinstance(leaf, SecretStr | SecretBytes) else leaf
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


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
