"""Names, paths and lists as text."""

import pytest

from composer._text import dependency_path, did_you_mean, indented, listed


@pytest.mark.parametrize(
    ("word", "known", "sentence"),
    [
        ("nots", ["users", "notes"], "Did you mean 'notes'?"),
        ("NOTES", ["notes"], "Did you mean 'notes'?"),
        ("database", ["Database"], "Did you mean 'Database'?"),
        ("weather", ["notes", "users"], ""),
        ("notes", [], ""),
        ("", ["notes"], ""),
    ],
)
def test_the_nearest_known_word_is_offered_in_its_own_spelling(word: str, known: list[str], sentence: str) -> None:
    assert did_you_mean(word, known) == sentence


def test_a_list_of_nothing_is_shown_as_none() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"


def test_a_dependency_path_has_each_step_under_the_one_that_asks_for_it() -> None:
    assert dependency_path(["app", "auth", "db"]) == "app\n└─ auth\n   └─ db"
    assert dependency_path(["app"]) == "app"


def test_every_line_but_the_first_is_moved_to_the_right() -> None:
    assert indented("a\nb\nc", "  ") == "a\n  b\n  c"
