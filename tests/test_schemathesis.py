"""The served composition keeps to its merged document: some hundred cases here, many thousands in `make soak`."""

from pathlib import Path

from tests.soak.schema_cases import served, try_document

# Always the same cases: a run that finds something finds it again.
SOME_CASES = ["--seed", "1", "--max-examples", "8"]


def test_no_case_made_from_the_document_is_answered_in_a_way_that_it_does_not_foresee(tmp_path: Path) -> None:
    with served(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}", tmp_path) as server:
        tried = try_document(server.url, tmp_path, *SOME_CASES)
    assert tried.violations == ()
    assert tried.cases >= 500
