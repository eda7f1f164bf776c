"""The merged document as a file: written, read back, and compared with what is committed."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rich.text import Text

from composer._cli.show import out, show_error
from composer._json import Json
from composer._text import json_bytes
from composer.openapi import Change, changes, is_yaml, parse_document

Form: TypeAlias = Literal["json", "yaml"]

# How many operations are named where one change of a component reaches many.
_NAMED = 3
# What YAML 1.2 takes for a number and PyYAML, which keeps to 1.1, for text: others may read what we write.
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$|0o[0-7]+$|0x[0-9a-fA-F]+$")
# Ends of lines in some readers' eyes and not in others'.
_ENDS = re.compile("[\r\x85\u2028\u2029]")
# Spaces at the ends of a text and of its lines, which don't show where it is written line by line.
_BARE_SPACE = re.compile(r"^\s|[ \t]\n|[ \t]$|\n\n$")


def write_or_check(document: Json, output: Path | None, form: Form | None, check: Path | None) -> int:
    """Print the document, write it to `output`, or compare it with what `check` holds; return the exit status.

    It is 1 where the file can't be written or read, or where it isn't what would be written now.
    """
    if output is not None and check is not None:
        show_error("--output writes a file and --check only compares: give one of them.")
        return 2
    try:
        if check is not None:
            return _check(document, check, form_of(check, form))
        text = written(document, form_of(output, form))
        if output is None:
            sys.stdout.write(text)
        else:
            _write(output, text)
    except ValueError as error:
        show_error(str(error))
        return 1
    return 0


def form_of(file: Path | None, chosen: Form | None) -> Form:
    """Return how a file is written: as chosen, else YAML by the suffixes .yaml and .yml, else JSON."""
    if chosen is not None:
        return chosen
    return "yaml" if file is not None and is_yaml(file) else "json"


def written(document: Json, form: Form) -> str:
    """Write a document as text that is the same, byte for byte, wherever and whenever it is written.

    Keys stay in the document's order, so that what belongs together stands together. Raise ValueError where a
    number isn't one that JSON has.
    """
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"The document can't be written as JSON: {error}.") from None
    if form == "yaml":
        return _yaml(json.loads(text))
    return json_bytes(text).decode() + "\n"


def _yaml(document: Json) -> str:
    # Not everybody writes YAML.
    import yaml

    class Dumper(yaml.SafeDumper):
        """Write text so that every reader takes it for text, and long texts line by line."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def text(self, data: str) -> yaml.ScalarNode:
            style = '"' if _ENDS.search(data) else "|" if "\n" in data and not _BARE_SPACE.search(data) else None
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, Dumper.text)
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    found: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10**9)
    return found


def read(file: Path, form: Form) -> Json:
    """Read an OpenAPI document; raise ValueError that names the file where it can't be read or is none."""
    try:
        document = parse_document(file.read_bytes(), yaml=form == "yaml")
    except FileNotFoundError:
        raise ValueError(f"{file}: there is no such file.") from None
    except OSError as error:
        raise ValueError(f"{file}: it can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"{file}: it can't be read as {form.upper()}: {error}.") from None
    version = document.get("openapi")
    if not re.match(r"3\.[01](\.|$)", str(version)):
        raise ValueError(f"{file}: it is no OpenAPI 3.0 or 3.1 document.")
    return document


def _check(document: Json, file: Path, form: Form) -> int:
    committed = read(file, form)
    if file.read_bytes() == written(document, form).encode():
        out.print(Text(f"{file} is up to date"), soft_wrap=True)
        return 0
    found = changes(committed, document)
    out.print(Text(report(found, file)), soft_wrap=True)
    return 1


def report(found: Iterable[Change], file: Path) -> str:
    """Say what changed since a file was written: what breaks clients first, and at the end what to do."""
    told = list(found)
    sections = [
        ("Breaking changes", [change for change in told if change.breaking]),
        ("Other changes", [change for change in told if not change.breaking]),
    ]
    blocks = ["\n".join([f"{title} ({len(held)}):", *_lines(held)]) for title, held in sections if held]
    only = "" if told else " in its form only: the order of its keys or its layout"
    again = f"Write it anew by the same command, with --output {file} instead of --check {file}."
    return "\n\n".join([f"{file} is out of date{only}.", *blocks, again])


def _lines(held: list[Change]) -> list[str]:
    """Return a line for each change, one for those that reach many operations by the same component."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in held:
        place = " ".join(change.where.split(" ")[2:])
        groups.setdefault((place or change.where, change.what), []).append(change)
    return [line for group in groups.values() for line in (f"  {group[0]}", *_also(group[1:]))]


def _also(others: list[Change]) -> list[str]:
    named = [" ".join(change.where.split(" ")[:2]) for change in others[:_NAMED]]
    more = [f"{len(others) - _NAMED} more"] if len(others) > _NAMED else []
    return [f"    as in {', '.join([*named, *more])}"] if named else []


def _write(file: Path, text: str) -> None:
    """Write a file wholly or not at all: whoever reads it meanwhile sees the old one or the new one."""
    target = file.resolve()
    try:
        if target.exists() and not target.is_file():
            # A pipe or a terminal is written to, and can't be replaced.
            target.write_text(text, encoding="utf-8", newline="\n")
        else:
            _replace(target, text)
    except OSError as error:
        raise ValueError(f"{file}: it can't be written: {error.strerror}.") from None


def _replace(target: Path, text: str) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
