"""A part of a Markdown file that a command writes: what stands between two lines that mark it."""

from collections.abc import Callable
from pathlib import Path


def rewrite_between(file: Path, start: str, end: str, write: Callable[[str], str]) -> None:
    """Put what `write` makes of the part between two marks in its place.

    Raises:
        OSError: The file can't be read or written.
        ValueError: It doesn't have the marks.
    """
    before, found_start, rest = file.read_text(encoding="utf-8").partition(start)
    part, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"{file} has no lines {start!r} and {end!r} for the table to stand between")
    file.write_text(f"{before}{start}\n{write(part)}\n{end}{after}", encoding="utf-8")
