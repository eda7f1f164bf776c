"""The merged document as a file: write it, read it back, and compare it with a committed one."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rich.text import Text

from composer._cli.show import CommandError, out
from composer._json import Json
from composer._text import json_bytes
from composer.openapi import Change, changes, is_yaml, parse_document

Form: TypeAlias = Literal["json", "yaml"]

# How many operations are named if a change of one component reaches many.
_NAMED = 3
# Numbers in YAML 1.2 that are strings to PyYAML, which implements YAML 1.1; other parsers read what we write.
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$|0o[0-7]+$|0x[0-9a-fA-F]+$")
# Line breaks to some parsers and not to others.
_ENDS = re.compile("[\r\x85\u2028\u2029]")
# Spaces at the ends of a string and of its lines, which would be invisible in a block scalar.
_BARE_SPACE = re.compile(r"^\s|[ \t]\n|[ \t]$|\n\n$")


def write_or_check(document: Json, output: Path | None, form: Form | None, check: Path | None) -> int:
    """Print the document, write it to `output`, or compare it with the file `check`; return 1 if that is out of date.

    Raises CommandError if a file cannot be read or written.
    """
    if output is not None and check is not None:
        raise CommandError("--output and --check are mutually exclusive: --output writes a file, --check compares.")
    if check is not None:
        return _check(document, check, form_of(check, form))
    text = to_text(document, form_of(output, form))
    if output is None:
        sys.stdout.write(text)
        return 0
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"{output}: cannot write the file: {error.strerror}.") from None
    return 0


def form_of(file: Path | None, chosen: Form | None) -> Form:
    """Return the format of a file: the chosen one, else YAML for the suffixes .yaml and .yml, else JSON."""
    return chosen or ("yaml" if file is not None and is_yaml(file) else "json")


def to_text(document: Json, form: Form) -> str:
    """Return a document as text that is reproducible byte for byte; its keys stay in their order.

    Raises CommandError for a number that JSON cannot represent.
    """
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise CommandError(f"Cannot write the document as JSON: {error}.") from None
    return _yaml(json.loads(text)) if form == "yaml" else json_bytes(text).decode() + "\n"


def _yaml(document: Json) -> str:
    # Imported here because few users write YAML.
    import yaml

    class Dumper(yaml.SafeDumper):
        """Write strings so that every reader takes them for strings, and long ones line by line."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def text(self, data: str) -> yaml.ScalarNode:
            style = '"' if _ENDS.search(data) else "|" if "\n" in data and not _BARE_SPACE.search(data) else None
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, Dumper.text)
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    text: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10**9)
    return text


def read(file: Path, form: Form) -> Json:
    """Read an OpenAPI document; raise CommandError with the name of the file if it cannot be read or isn't one."""
    try:
        document = parse_document(file.read_bytes(), yaml=form == "yaml")
    except OSError as error:
        raise CommandError(f"{file}: cannot read the file: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{file}: cannot parse the file as {form.upper()}: {error}.") from None
    if not re.match(r"3\.[012](\.|$)", str(document.get("openapi"))):
        raise CommandError(f"{file}: not an OpenAPI 3.0, 3.1 or 3.2 document.")
    return document


def _check(document: Json, file: Path, form: Form) -> int:
    committed = read(file, form)
    if file.read_bytes() == to_text(document, form).encode():
        out.print(Text(f"{file} is up to date"), soft_wrap=True)
        return 0
    out.print(Text(report(list(changes(committed, document)), file)), soft_wrap=True)
    return 1


def report(changed: Sequence[Change], file: Path) -> str:
    """Return what has changed since a file was written, breaking changes first, and how to update the file."""
    breaking, other = ([change for change in changed if change.breaking is kind] for kind in (True, False))
    sections = [("Breaking changes", breaking), ("Other changes", other)]
    blocks = ["\n".join([f"{title} ({len(group)}):", *_lines(group)]) for title, group in sections if group]
    only = "" if changed else " only in its format: the order of keys or the layout"
    update = f"Update it with the same command, with --output {file} in place of --check {file}."
    return "\n\n".join([f"{file} is out of date{only}.", *blocks, update])


def _lines(changed: list[Change]) -> list[str]:
    """Return a line for each change, and one for those that reach many operations through the same component."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changed:
        place = " ".join(change.where.split(" ")[2:])
        groups.setdefault((place or change.where, change.what), []).append(change)
    lines = []
    for first, *others in groups.values():
        lines.append(f"  {first}")
        if others:
            names = [" ".join(change.where.split(" ")[:2]) for change in others[:_NAMED]]
            more = [f"{len(others) - _NAMED} more"] if len(others) > _NAMED else []
            lines.append(f"    also {', '.join([*names, *more])}")
    return lines
