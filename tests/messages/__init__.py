"""The texts that tests expect word for word, a file for each test module, each text under a line with its test's name.

`python -m tests.mistakes --write` writes them anew from what composer says: whoever changes a text reviews the diff.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def file_of(module: Path) -> Path:
    """Return the file that holds the texts of a test module."""
    return (FOLDER / module.relative_to(FOLDER.parent)).with_suffix(".txt")


def read_messages(file: Path) -> dict[str, str]:
    """Return the texts by their tests' names."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    _, *rest = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    return {name: message.rstrip("\n") for name, message in zip(rest[::2], rest[1::2], strict=True)}


def write_message(file: Path, name: str, text: str) -> None:
    """Write the text of one test, and leave the others as they are."""
    messages = read_messages(file) | {name: text}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"-- {name} --\n{message}\n" for name, message in messages.items()), encoding="utf-8")
