"""The tables of `docs/openapi.md`, as text, and the page with them put in."""

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.mergers._documents import Source, operations
from benchmarks.mergers._score import KINDS, Score

BEGIN = "<!-- made by benchmarks/mergers -->"
END = "<!-- end -->"

MEANING = {
    "schema": "in a schema",
    "parameter": "in a parameter",
    "body": "in a request body",
    "response": "in a response, header or link",
    "security": "in security",
    "other": "elsewhere",
    "lost": "the operation is lost",
    "added": "it was added",
    "broken": "a reference leads nowhere",
}


def rows() -> dict[str, Callable[[Score], str]]:
    """Return what each row says of a merger."""
    return {
        "sets of documents merged": lambda score: f"{score.merged} of {score.sets}",
        "operations in them": lambda score: f"{score.operations:,}",
        "**operations whose meaning changed**": lambda score: f"**{score.changed:,}**",
        **{f"… {MEANING[kind]}": _kind(kind) for kind in KINDS},
        "operations with other tags than before": lambda score: f"{score.tags:,}",
        "operation ids that are there twice": lambda score: f"{score.twice:,}",
        "operations that mean another thing with the sources in reverse": lambda score: f"{score.by_order:,}",
        "components that are there again, the same": lambda score: f"{score.copies:,}",
        "size of the results, MB": lambda score: f"{score.size / 1e6:.1f}",
        "time, whole processes, s": lambda score: f"{score.seconds:.1f}",
        "time, the merge alone, s": lambda score: "" if score.inside is None else f"{score.inside:.2f}",
    }


def _kind(kind: str) -> Callable[[Score], str]:
    return lambda score: f"{score.kinds[kind]:,}"


def table(scores: Mapping[str, Score]) -> str:
    """Return the table, a column for each merger; a merger that merged no set has but its first row."""
    lines = [["", *scores], ["---"] + ["--:"] * len(scores)]
    for label, text in rows().items():
        first = label.startswith("sets")
        lines.append([label, *(text(score) if score.merged or first else "" for score in scores.values())])
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def notes(scores: Mapping[str, Score]) -> str:
    """Return what the mergers said where they refused, and the help that they needed, as a list."""
    lines = [
        f"- {name} refused {number} of {score.sets}: “{reason}”."
        for name, score in scores.items()
        for reason, number in score.reasons.most_common()
    ]
    lines += [
        f"- {name} needed help for {number} of the {score.merged} sets that it merged: {needed}."
        for name, score in scores.items()
        for needed, number in score.needed.most_common()
        if needed
    ]
    return "\n".join(lines)


def section(title: str, sources: Sequence[Source], scores: Mapping[str, Score]) -> str:
    """Return a heading, what the documents are, the table, and the notes to it."""
    number = sum(operations(document) for _, _, document in sources)
    names = ", ".join(f"{name} ({document['openapi']})" for name, _, document in sources)
    parts = [f"### {title}", f"{number:,} operations: {names}.", table(scores), notes(scores)]
    return "\n\n".join(part for part in parts if part)


def measured() -> str:
    """Return what the times were measured with."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    cores = os.cpu_count()
    return f"Measured one after the other on {cores} cores, with Python {platform.python_version()} and Node {node}."


def put_in(page: Path, text: str) -> None:
    """Put the text between the page's markers, for what stood there.

    Raises:
        ValueError: The page has no such markers.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
