"""Names, paths, lists and errors as text, and text as bytes."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from composer._compat.error_texts import without_advice


def is_below(path: str, prefix: str) -> bool:
    """Tell whether a path is a prefix itself, or one in it."""
    return path == prefix or path.startswith(f"{prefix}/")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest of the known words, or "" where none is near."""
    near = nearest(word, known)
    return f"Did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words, or "" where none is near."""
    # Needed only where something is wrong.
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    # Of two letters, two that were swapped are all of it.
    near = near or [name for name in lower if word and sorted(name) == sorted(word.lower())]
    return lower[near[0]] if near else ""


def names_in(given: str | Iterable[str]) -> list[str]:
    """Return a list of names, which may be given as one text with commas between them."""
    return [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)


def listed(names: Iterable[str]) -> str:
    """Return the names as one readable list, or "none"."""
    return ", ".join(names) or "none"


def dependency_path(steps: Sequence[str]) -> str:
    """Draw the steps of a dependency path, each one under the step that asks for it."""
    first, *others = steps
    rows = [first] + ["   " * depth + "└─ " + step for depth, step in enumerate(others)]
    return "\n".join(rows)


def indented(text: str, by: str) -> str:
    """Return the text with every line but the first moved to the right by the given blanks."""
    return text.replace("\n", "\n" + by)


def error_text(error: BaseException) -> str:
    """Return an error's own text; "" where it can't be had, for any class may be raised."""
    try:
        return str(error)
    except Exception:
        return ""


def json_bytes(text: str) -> bytes:
    """Return JSON text as bytes.

    Half of a surrogate pair is text in JSON, but only as an escape, which this error handler writes as JSON does.
    """
    return text.encode(errors="backslashreplace")


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: its type and its message, without the values that it was raised for."""
    if isinstance(error, ValidationError):
        rows = error.errors(include_input=False, include_url=False, include_context=False)
        message = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
    else:
        message = without_advice(" ".join(error_text(error).split()))
    message = message.removesuffix(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
