"""The map of the package and docs/architecture.md agree with the layers that are checked, and with the files."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.architecture import PACKAGE, PAGE, PARTS, REPOSITORY, generated, layers, purpose

# No module may import from more rooms than that, save those of the list below, which may only become shorter.
MOST_ROOMS = 5
# Where everything is put together: the phases, the commands, and the front door.
ASSEMBLY = {"__init__.py", "_build", "_cli"}
TOO_MANY_ROOMS = {
    "_checks/declarations.py",
    "_documents/merged.py",
    "_documents/provider.py",
    "_lifecycle/apps.py",
    "_wire/construct.py",
    "_wire/requirements.py",
}


def rooms_of(file: Path, rooms: set[str]) -> set[str]:
    """Return the rooms of composer that a module imports from, `TYPE_CHECKING` and its functions included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "composer":
            found |= {alias.name for alias in node.names} & rooms
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").removeprefix("composer.").partition(".")[0]} & rooms
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("composer.").partition(".")[0] for alias in node.names} & rooms
    return found - {file.relative_to(PACKAGE).parts[0].removesuffix(".py")}


def located(file: str) -> Path:
    """Return the file that the page names: below composer/, but for the example apps."""
    return (REPOSITORY if file.startswith("apps/") else PACKAGE) / file


@pytest.mark.parametrize("file", PARTS, ids=str)
def test_the_map_and_the_page_are_those_of_the_layers(file: Path) -> None:
    current = (REPOSITORY / file).read_text(encoding="utf-8")
    assert generated(file) == current, f"{file} is out of date: run make messages"


@pytest.mark.parametrize("file", PARTS, ids=str)
def test_another_order_of_layers_or_another_purpose_makes_another_map(file: Path, tmp_path: Path) -> None:
    for name in ("composer", "docs"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    before = generated(file, tmp_path)
    swapped = re.sub(r'(    "_wire",\n)(    "_project",\n)', r"\2\1", project)
    (tmp_path / "pyproject.toml").write_text(swapped, encoding="utf-8")
    assert generated(file, tmp_path) != before
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    (tmp_path / "composer" / "errors.py").write_text('"""Something else."""\n', encoding="utf-8")
    assert "Something else." in generated(file, tmp_path)


def test_each_room_has_a_place_and_a_purpose() -> None:
    placed = [room for row in layers() for room in row]
    entries = {entry.stem for entry in PACKAGE.iterdir() if entry.suffix == ".py" or (entry / "__init__.py").exists()}
    assert sorted(placed) == sorted(entries - {"__init__"})
    assert [room for room in placed if not purpose(room)] == []


def test_the_page_names_files_and_objects_that_exist() -> None:
    references = re.findall(r"`([\w/]+\.py)(?:: ([\w.]+))?`", PAGE.read_text(encoding="utf-8"))
    missing = [file for file, _ in references if not located(file).is_file()]
    assert missing == []
    named = [(file, name) for file, name in references if name]
    assert named
    for file, name in named:
        tree = ast.walk(ast.parse(located(file).read_text(encoding="utf-8")))
        defined = {getattr(node, "name", None) for node in tree}
        assert set(name.split(".")) <= defined, f"{file} has no {name}"


@pytest.mark.parametrize("way", ["a request", "a start", "a document", "a prediction"])
def test_the_page_follows_each_way_in_ten_lines(way: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"## The way of {way}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", section, flags=re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_nobody_but_the_assembly_imports_from_more_than_five_rooms() -> None:
    rooms = {room for row in layers() for room in row}
    many = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if file.relative_to(PACKAGE).parts[0] not in ASSEMBLY and len(rooms_of(file, rooms)) > MOST_ROOMS
    }
    assert many - TOO_MANY_ROOMS == set()
