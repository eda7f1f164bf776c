"""The table of the long trials: what is put into it, and what stays."""

from datetime import date
from pathlib import Path

import pytest

from tests.soak.document import END, START, Result, write_results
from tests.soak.row import Row

DAY = date(2026, 1, 2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{START}\n{END}\n\nAfter.\n")
    return page


def result(name: str, times: int) -> Result:
    return Result(name, Row("something | hard", times, 0, "nothing"), 61.4, DAY)


def test_a_trials_row_replaces_its_former_one_and_leaves_the_others(file: Path) -> None:
    write_results(file, [result("kills", 2000), result("stops", 20)])
    write_results(file, [result("kills", 3000)])
    rows = [line for line in file.read_text().splitlines() if line.startswith("| `")]
    assert rows == [
        "| `kills` | something   hard | 3,000 | 0 | nothing | 61 s | 2026-01-02 |",
        "| `stops` | something   hard | 20 | 0 | nothing | 61 s | 2026-01-02 |",
    ]


def test_what_stands_around_the_table_stays(file: Path) -> None:
    write_results(file, [result("kills", 1)])
    assert file.read_text().startswith(f"Before.\n\n{START}\n| trial |")
    assert file.read_text().endswith(f".\n{END}\n\nAfter.\n")


def test_a_file_without_a_place_for_the_table_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("No table here.\n")
    with pytest.raises(ValueError, match="no lines"):
        write_results(page, [result("kills", 1)])
    assert page.read_text() == "No table here.\n"
