"""Compare mergers of OpenAPI documents on the same real documents: `python -m benchmarks.mergers`.

    _documents, _tools < _score < _table < __main__

What is merged; who merges it; what became of it, by the rule of `tests/openapi/checker.py`; the table that
stands in `docs/openapi.md`. The versions of the npm tools are pinned in `package-lock.json`.
"""
