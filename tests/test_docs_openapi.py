"""The tables of docs/openapi.md are those that the comparison makes, and say of this merger what is true."""

from collections.abc import Callable

import pytest

from benchmarks.mergers._documents import Json, Source
from benchmarks.mergers._score import Score, copies
from benchmarks.mergers._table import BEGIN, END, put_in, rows, table
from benchmarks.mergers._tools import TOOLS, Attempt, merge_by_update, merge_ours, reason
from tests.openapi.documents import answering, document, ref, text
from tests.serving import REPOSITORY

PAGE = (REPOSITORY / "docs" / "openapi.md").read_text(encoding="utf-8")
Merge = Callable[[list[Source]], Json]


def cells(made: str) -> list[list[str]]:
    lines = [line for line in made.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def tables() -> list[list[list[str]]]:
    """Return the cells of each table that stands between the page's markers."""
    between = PAGE.partition(BEGIN)[2].partition(END)[0]
    return [cells(part) for part in between.split("###")[1:]]


def sources() -> list[Source]:
    """Return two documents that have one schema of the same content, and one of a different."""
    schemas = [{"Root": {"items": ref("Leaf")}, "Leaf": text(maxLength=size), "Same": text()} for size in (1, 2)]
    path = {"/": {"get": answering(ref("Root"))}, "/same": {"get": answering(ref("Same"))}}
    documents = [document(each, path) for each in schemas]
    documents[0]["security"] = [{"key": []}]
    documents[0]["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "basic"}}
    return [("a", "/a", documents[0]), ("b", "/b", documents[1])]


def scored(merge: Merge) -> Score:
    score, given = Score(), sources()
    score.add(given, Attempt(merge(given)), Attempt(merge(given[::-1])))
    return score


def test_the_page_has_the_tables_that_the_comparison_makes() -> None:
    score = scored(merge_ours)
    expected = cells(table(dict.fromkeys(TOOLS, score)))
    assert [row[0] for row in expected[2:]] == list(rows())
    assert len(tables()) >= 1
    for found in tables():
        assert found[:2] == expected[:2]
        assert [row[0] for row in found] == [row[0] for row in expected]


def test_the_page_says_that_this_merger_merges_every_set_and_changes_nothing() -> None:
    for _, _, first, _, *rest in tables():
        merged, given = first[1].split(" of ")
        assert merged == given
        assert {row[1].strip("*") for row in rest if "size" not in row[0] and "time" not in row[0]} == {"0"}


def test_a_right_merge_scores_nothing() -> None:
    score = scored(merge_ours)
    assert (score.merged, score.operations, score.changed, score.by_order, score.copies) == (1, 4, 0, 0, 0)


def test_a_dictionary_update_scores_by_kind_and_by_order() -> None:
    score = scored(merge_by_update)
    assert score.operations == 4
    # The first document's operation has the other one's leaf, and the second document's two its security.
    assert score.changed == 3
    assert score.kinds == {"schema": 1, "security": 2}
    # In reverse, no operation has the security that it had, and both roots have the first one's leaf.
    assert score.by_order == 4


def test_a_refusal_counts_for_nothing_but_its_reason() -> None:
    score = Score()
    score.add(sources(), Attempt(None, "will not"), Attempt(None, "will not"))
    assert (score.sets, score.merged, score.operations) == (1, 0, 0)
    assert score.reasons == {"will not": 1}


def test_a_lost_and_an_added_operation_are_counted() -> None:
    given, score = sources(), Score()
    merged = merge_ours(given)
    merged["paths"]["/c/"] = merged["paths"].pop("/a/")
    score.add(given, Attempt(merged), Attempt(merged))
    assert score.kinds == {"lost": 1, "added": 1}


def test_a_copy_is_found_through_references_and_under_a_prefix() -> None:
    item = {"items": ref("Leaf")}
    schemas = {"Leaf": text(), "a_Leaf": text(), "Root": item, "a_Root": {"items": ref("a_Leaf")}, "Other": item}
    assert copies(document(schemas), ["a"]) == 2
    assert copies(document(schemas | {"a_Leaf": text(maxLength=1)}), ["a"]) == 0


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Conflict on paths => /a : get\nConflict on tags => x\nPlease fix conflicts.\n", "Conflict on paths, tags"),
        ("Conflict on paths => operationIds : getUser in files: a.json, b.json\n", "Conflict on operationIds"),
        ("All must use one version: made/b.json.\n", "All must use one version"),
        ("", "no message"),
    ],
)
def test_a_reason_is_the_tools_own_message(printed: str, expected: str) -> None:
    assert reason(printed) == expected


def test_a_page_without_a_place_for_the_tables_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = tmp_path_factory.mktemp("page") / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    put_in(page, "new")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        put_in(page, "new")
