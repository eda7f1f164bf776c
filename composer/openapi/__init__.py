"""Merge the OpenAPI documents of many apps into one that means exactly what they mean.

    _faults < _shape < _translate < _source < _graph < _refer < _identity < _rename < _assemble < _merge

Each module imports from those before it: what can be wrong; what stands where in a document; 3.0 in words of
3.1; one source, read and normalised; its named parts; the mentions of them; which parts are the same; new
names; the result. Nothing here knows of FastAPI: documents are plain JSON data.
"""

from composer.openapi._faults import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._merge import merge_openapi
from composer.openapi._text import parse_document, read_document

__all__ = ["Fault", "OpenAPIMergeError", "OpenAPIMergeWarning", "merge_openapi", "parse_document", "read_document"]
