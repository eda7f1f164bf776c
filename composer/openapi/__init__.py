"""Merge the OpenAPI documents of many apps into one that means exactly what they mean.

    _errors < _structure < _upgrade < _source < _normalise < _graph < _references < _cached_source
      < _equivalence < _naming < _assembly < _merge

Each module imports from those before it: what can be wrong; what stands where in a document; 3.0 in words of
3.1; one source, read; brought into the form that a merge needs; its named parts; the mentions of them; all that,
kept for the next merge; which parts are the same; new names; the result; the whole. Beside them stand `_parsing`,
documents as JSON and (by `_yaml`) YAML, and `_diff`, which compares two documents. Nothing here knows of FastAPI:
documents are plain JSON data.
"""

from typing import TYPE_CHECKING

from composer._lazy import lazy_attributes
from composer.openapi._errors import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._parsing import is_yaml, parse_document, read_document

if TYPE_CHECKING:
    from composer.openapi._diff import Change, changes
    from composer.openapi._merge import Merged, Merger, merge_openapi
else:
    # A server that starts makes no document yet, and compares none.
    _MERGES = dict.fromkeys(["Merged", "Merger", "merge_openapi"], "_merge")
    __getattr__ = lazy_attributes(__name__, {"Change": "_diff", "changes": "_diff", **_MERGES})

__all__ = [
    "Change",
    "Fault",
    "Merged",
    "Merger",
    "OpenAPIMergeError",
    "OpenAPIMergeWarning",
    "changes",
    "is_yaml",
    "merge_openapi",
    "parse_document",
    "read_document",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
