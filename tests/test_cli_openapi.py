"""`composer openapi`: the document as a file, and what is said where the committed one isn't today's."""

import json
import math
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from composer._cli.openapi import Form, form_of, read, report, to_text, write_or_check
from composer._cli.show import CommandError
from composer.openapi import Change, parse_document
from tests.openapi.documents import answering, document

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def notes(title: str = "T", **properties: Json) -> Json:
    """Return a document with two operations that answer with a note of these properties."""
    note: Json = {"type": "object", "properties": properties}
    listed = {"get": answering({"type": "array", "items": note}), "post": answering(note)}
    return document(paths={"/notes": listed}, info={"title": title, "version": "1"})


def committed(folder: Path, given: Json, name: str = "openapi.json") -> Path:
    """Write a document to a file, as the command does it."""
    file = folder / name
    assert write_or_check(given, file, None, None) == 0
    return file


TEXT = {"type": "string"}


# -- writing -----------------------------------------------------------------------------------------------


def test_it_is_printed_as_json_in_the_order_of_its_keys(capsys: Capture) -> None:
    assert write_or_check({"openapi": "3.1.0", "info": {"title": "Häuser 🏠"}}, None, None, None) == 0
    assert capsys.readouterr().out == '{\n  "openapi": "3.1.0",\n  "info": {\n    "title": "Häuser 🏠"\n  }\n}\n'


def test_it_is_printed_as_yaml_where_that_is_asked_for(capsys: Capture) -> None:
    given: Json = {"openapi": "3.1.0", "info": {"title": "Häuser 🏠", "description": "One.\n\n- Two\n  three\n"}}
    assert write_or_check(given | {"tags": [{"name": "no"}], "security": []}, None, "yaml", None) == 0
    assert capsys.readouterr().out == (
        "openapi: 3.1.0\n"
        "info:\n"
        "  title: Häuser 🏠\n"
        "  description: |\n"
        "    One.\n"
        "\n"
        "    - Two\n"
        "      three\n"
        "tags:\n"
        "  - name: 'no'\n"
        "security: []\n"
    )


@pytest.mark.parametrize(
    ("name", "chosen", "form"),
    [
        (None, None, "json"),
        (None, "yaml", "yaml"),
        ("a.json", None, "json"),
        ("a.yaml", None, "yaml"),
        ("a.YML", None, "yaml"),
        ("a.yaml", "json", "json"),
        ("a", None, "json"),
    ],
)
def test_the_suffix_says_the_form_unless_one_is_chosen(name: str | None, chosen: Form | None, form: Form) -> None:
    assert form_of(Path(name) if name else None, chosen) == form


def test_a_file_is_written_through_its_link_and_keeps_its_mode(tmp_path: Path) -> None:
    file = committed(tmp_path, notes())
    file.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    committed(tmp_path, notes("U"), "link.json")
    assert json.loads(file.read_bytes()) == notes("U")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "openapi.json"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert write_or_check(notes(), pipe, None, None) == 0
    reader.join(10)
    assert json.loads(got[0]) == notes()
    assert pipe.is_fifo()


def test_a_file_that_cant_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "openapi.json"
    with pytest.raises(CommandError) as error:
        write_or_check(notes(), file, None, None)
    assert str(error.value) == f"{file}: cannot write the file: No such file or directory."


def test_what_json_cant_say_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = committed(tmp_path, notes())
    before = file.read_bytes()
    with pytest.raises(CommandError, match="Cannot write the document as JSON: Out of range float values "):
        write_or_check(notes(a={"maximum": float("inf")}), file, None, None)
    assert file.read_bytes() == before


def test_it_is_either_written_or_checked(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    with pytest.raises(CommandError, match="--output and --check are mutually exclusive"):
        write_or_check(notes(), file, None, file)
    assert not file.exists()


# What one reader of YAML or another takes for something else than text.
TRAPS = ["no", "Yes", "on", "off", "y", "~", "null", "NULL", "true", "1", "-1", "1_000", "0o17", "0x1F", "017", "1e3"]
TRAPS += ["1.", ".5", "-.5e-3", "+1.0E+9", ".inf", ".nan", "2026-01-01", "12:30", "=", "<<"]
TRAPS += ["", " ", "- a", "a: b", "a #b", "#", "!x", "&x", "*x", "%x", "@x", "`x", "{x", "[x", "'", '"', "\\", "---"]
TRAPS += ["2026-01-01T00:00:00Z", "a\nb", "a\n", "\na", "a\n\n", "a \nb", " a\nb", "a\n\tb", "\t", "a\r\nb", "😀", "é"]
TRAPS += ["\x85", "a\x85\nb", "\u2028", "a\u2029\n", "\ufeff", "\x00", "\x7f", "x" * 300, "x y" * 300]

TEXTS = st.one_of(st.sampled_from(TRAPS), st.text(), st.text("ab \n\t\x85\u2028:#-"))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
VALUES = st.recursive(SCALARS, lambda held: st.one_of(st.lists(held), st.dictionaries(TEXTS, held)), max_leaves=8)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_might_be_taken_for_something_else_comes_back_as_it_was(form: Form) -> None:
    given = {"keys": dict.fromkeys(TRAPS, 1), "values": TRAPS, "numbers": [10**30, -1.5, 1e20, 1e-7, 1.0, 1]}
    back = parse_document(to_text(given, form).encode(), yaml=form == "yaml")
    assert json.dumps(back) == json.dumps(given)


@given(st.dictionaries(TEXTS, VALUES))
def test_yaml_comes_back_as_it_was(given: Json) -> None:
    back = parse_document(to_text(given, "yaml").encode(), yaml=True)
    assert json.dumps(back) == json.dumps(given)


@pytest.mark.parametrize("trap", ["1e3", "0o17", "0x1F", "-.5e-3", "017", "1."])
def test_what_only_yaml_1_2_takes_for_a_number_is_quoted(trap: str) -> None:
    assert to_text({"a": trap}, "yaml") == f"a: '{trap}'\n"


def test_what_is_used_twice_is_written_twice() -> None:
    assert to_text({"a": [TEXT, TEXT]}, "yaml") == "a:\n  - type: string\n  - type: string\n"


def test_half_a_pair_of_surrogates_can_be_written_as_json() -> None:
    assert json.loads(to_text({"a": "\ud800"}, "json").encode()) == {"a": "\ud800"}


# -- reading -----------------------------------------------------------------------------------------------


def test_a_file_is_read_as_what_json_has(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text("openapi: 3.1.0\ninfo: {version: 2026-01-01}\npaths:\n  /:\n    get: {responses: {200: {}}}\n")
    assert read(file, "yaml") == {
        "openapi": "3.1.0",
        "info": {"version": "2026-01-01"},
        "paths": {"/": {"get": {"responses": {"200": {}}}}},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((each, each) for each in ("NO", "no", "yes", "y", "On", "off", "tRUE", "12:30", "2026-01-01", "=", "<")),
        *((each, each) for each in ("1_000", "0b1", "-0o17", "-0x1F", "nULL", "nan", "inf", ".", "-.", "+", "1e")),
        *((each, True) for each in ("true", "True", "TRUE")),
        *((each, False) for each in ("false", "False", "FALSE")),
        *((each, None) for each in ("", "~", "null", "Null", "NULL")),
        *(("1", 1), ("-7", -7), ("+7", 7), ("010", 10), ("0o17", 15), ("0x1F", 31)),
        *(("1e3", 1000.0), ("1E+3", 1000.0), ("-.5e-3", -0.0005), ("1.", 1.0), (".5", 0.5), ("-1.50", -1.5)),
        *((".inf", math.inf), ("+.INF", math.inf), ("-.Inf", -math.inf)),
        *(("!!str 12", "12"), ("!!float 1", 1.0), ('"NO"', "NO"), ("'1'", "1")),
    ],
)
def test_yaml_is_read_as_yaml_1_2(text: str, value: Any) -> None:
    found = parse_document(f"a: {text}\nb: 1\n".encode(), yaml=True)
    assert (found, type(found["a"])) == ({"a": value, "b": 1}, type(value))


def test_nan_in_yaml_is_parsed_as_nan() -> None:
    assert all(map(math.isnan, parse_document(b"a: [.nan, .NaN, .NAN]", yaml=True)["a"]))


def test_the_keys_of_yaml_are_texts_as_they_are_written() -> None:
    text = b"on: 1\nNO: 2\n200: 3\n010: 4\n1e3: 5\ntrue: 6\n~: 7\n12:30: 8\n"
    assert list(parse_document(text, yaml=True)) == ["on", "NO", "200", "010", "1e3", "true", "~", "12:30"]


def test_yaml_may_name_a_part_and_take_it_over() -> None:
    text = b"a: &a {x: 1, 2: 2}\nb: {<<: *a, x: 3}\nc: *a\nd: {<<: [*a, {y: 4}]}\n'<<': 5\n"
    assert parse_document(text, yaml=True) == {
        "a": {"x": 1, "2": 2},
        "b": {"x": 3, "2": 2},
        "c": {"x": 1, "2": 2},
        "d": {"x": 1, "2": 2, "y": 4},
        "<<": 5,
    }


@pytest.mark.parametrize(
    "text", ["a: !!bool maybe", "a: !!int x", "a: !!binary aaaa", "a: !x 1", "? [a]\n: 1", "a: &a [*a]", "a: !!map [1]"]
)
def test_what_yaml_has_and_json_has_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_document(text.encode(), yaml=True)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.json", None, "cannot read the file: No such file or directory."),
        (
            "a.json",
            '{"openapi"}',
            "cannot parse the file as JSON: Expecting ':' delimiter: line 1 column 11 (char 10).",
        ),
        ("a.json", "[]", "cannot parse the file as JSON: expected a JSON object, got list."),
        ("a.json", "{}", "not an OpenAPI 3.0, 3.1 or 3.2 document."),
        ("a.json", '{"swagger": "2.0"}', "not an OpenAPI 3.0, 3.1 or 3.2 document."),
        ("a.yaml", "title: A", "not an OpenAPI 3.0, 3.1 or 3.2 document."),
    ],
)
def test_an_error_names_a_file_that_is_not_a_document(tmp_path: Path, name: str, text: str | None, what: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError) as error:
        write_or_check(notes(), None, None, file)
    assert str(error.value) == f"{file}: {what}"


def test_an_error_names_the_line_of_invalid_yaml(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("openapi: 3.1.0\ninfo: [\n")
    with pytest.raises(CommandError, match=r"a\.yaml: cannot parse the file as YAML: .*line 3, column 1"):
        read(file, "yaml")


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot read the file: Is a directory"):
        read(tmp_path, "json")


# -- checking ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yaml"])
def test_a_file_that_is_up_to_date_passes(tmp_path: Path, capsys: Capture, name: str) -> None:
    file = committed(tmp_path, notes(text=TEXT), name)
    assert write_or_check(notes(text=TEXT), None, None, file) == 0
    assert capsys.readouterr() == (f"{file} is up to date\n", "")


def test_changes_are_listed_with_breaking_ones_first(tmp_path: Path, capsys: Capture) -> None:
    file = committed(tmp_path, notes(text=TEXT, size={"type": "integer"}))
    before = file.read_bytes()
    assert write_or_check(notes("[red]U", text=TEXT, by=TEXT), None, None, file) == 1
    assert capsys.readouterr().out == (
        f"{file} is out of date.\n"
        "\n"
        "Breaking changes (2):\n"
        "  GET /notes response 200 application/json [].size: property removed\n"
        "  POST /notes response 200 application/json size: property removed\n"
        "\n"
        "Other changes (3):\n"
        "  GET /notes response 200 application/json [].by: property added\n"
        "  POST /notes response 200 application/json by: property added\n"
        "  document: info changed\n"
        "\n"
        f"Update it with the same command, with --output {file} in place of --check {file}.\n"
    )
    assert file.read_bytes() == before


def test_a_yaml_file_is_compared_by_what_it_says(tmp_path: Path, capsys: Capture) -> None:
    file = committed(tmp_path, notes(text=TEXT), "openapi.yaml")
    assert write_or_check(notes(), None, None, file) == 1
    assert "[].text: property removed\n" in capsys.readouterr().out


def test_another_order_of_keys_is_out_of_date_in_form_only(tmp_path: Path, capsys: Capture) -> None:
    given = notes()
    file = committed(tmp_path, dict(reversed(given.items())))
    assert write_or_check(given, None, None, file) == 1
    assert capsys.readouterr().out == (
        f"{file} is out of date only in its format: the order of keys or the layout.\n"
        "\n"
        f"Update it with the same command, with --output {file} in place of --check {file}.\n"
    )


def test_another_layout_is_out_of_date_in_form_only(tmp_path: Path, capsys: Capture) -> None:
    file = committed(tmp_path, notes())
    file.write_text(json.dumps(notes()))
    assert write_or_check(notes(), None, None, file) == 1
    assert " is out of date only in its format: " in capsys.readouterr().out


def test_what_no_operation_shows_is_out_of_date_too(tmp_path: Path, capsys: Capture) -> None:
    file = committed(tmp_path, notes())
    assert write_or_check(notes() | {"components": {"schemas": {"Unused": {}}}}, None, None, file) == 1
    assert "Other changes (1):\n  document: other details changed\n" in capsys.readouterr().out


def test_one_change_of_many_operations_is_listed_once() -> None:
    places = [f"GET /{name} response 200 application/json text" for name in "abcdef"]
    text = report([Change(True, place, "property removed") for place in places], Path("openapi.json"))
    assert text == (
        "openapi.json is out of date.\n"
        "\n"
        "Breaking changes (6):\n"
        "  GET /a response 200 application/json text: property removed\n"
        "    also GET /b, GET /c, GET /d, 2 more\n"
        "\n"
        "Update it with the same command, with --output openapi.json in place of --check openapi.json."
    )


def test_removed_operations_are_listed_one_by_one() -> None:
    text = report([Change(True, f"GET /{name}", "operation removed") for name in "ab"], Path("a"))
    assert "  GET /a: operation removed\n  GET /b: operation removed\n" in text


def test_the_yaml_of_a_document_is_the_one_that_other_readers_see(tmp_path: Path) -> None:
    file = committed(tmp_path, notes(text=TEXT), "openapi.yml")
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == notes(text=TEXT)
