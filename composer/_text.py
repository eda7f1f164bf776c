"""Names, paths, lists and errors as text, and text as bytes."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from composer._compat.error_texts import without_advice


def is_below(path: str, prefix: str) -> bool:
    """Return whether a path is the prefix itself, or below it."""
    return path == prefix or path.startswith(f"{prefix}/")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest of the known words; "" where none is near."""
    near = nearest(word, known)
    return f"Did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words; "" where none is near."""
    # Imported only for a problem.
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    # For a word of two letters, swapping them leaves nothing in common.
    near = near or [name for name in lower if word and sorted(name) == sorted(word.lower())]
    return lower[near[0]] if near else ""


def names_in(names: str | Iterable[str]) -> list[str]:
    """Return a list of names, which may also be one string separated by commas."""
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def listed(names: Iterable[str]) -> str:
    """Return the names as one readable list, or "none"."""
    return ", ".join(names) or "none"


def dependency_path(steps: Sequence[str]) -> str:
    """Return a drawing of a dependency path, each step below the one that requires it."""
    first, *others = steps
    rows = [first] + ["   " * depth + "└─ " + step for depth, step in enumerate(others)]
    return "\n".join(rows)


def indented(text: str, by: str) -> str:
    """Return the text with every line but the first indented."""
    return text.replace("\n", "\n" + by)


def error_text(error: BaseException) -> str:
    """Return an error's own text; "" where its class fails to produce one."""
    try:
        return str(error)
    except Exception:
        return ""


def json_bytes(text: str) -> bytes:
    """Return JSON text as bytes, with a lone surrogate as an escape, as JSON requires."""
    return text.encode(errors="backslashreplace")


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: its type and its message, without the invalid values themselves."""
    if isinstance(error, ValidationError):
        rows = error.errors(include_input=False, include_url=False, include_context=False)
        message = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
    else:
        message = without_advice(" ".join(error_text(error).split()))
    message = message.removesuffix(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
