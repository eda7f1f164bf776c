"""Merge the OpenAPI documents of many apps into one that means exactly what they mean.

    _errors < _structure < _upgrade < _source < _normalise < _graph < _references
      < _equivalence < _naming < _assembly < _merge

Each module imports only from those before it: the exceptions; the structure of a document and a walk over it; the
upgrade from 3.0 to 3.1; one source, validated; its normal form; the graph of its named parts; the references
between them; which parts are equivalent; their names in the merged document; its assembly; the merge. Beside them,
`_parsing` and `_yaml` parse documents, and `_diff` compares two of them. Nothing here imports FastAPI: documents are
plain JSON data.
"""

from typing import TYPE_CHECKING

from composer._lazy import lazy_attributes
from composer.openapi._errors import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._parsing import is_yaml, parse_document, read_document

if TYPE_CHECKING:
    from composer.openapi._diff import Change, changes
    from composer.openapi._merge import Merged, Merger, merge_openapi
else:
    # A starting server neither merges nor compares documents; importing these later keeps the start short.
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
