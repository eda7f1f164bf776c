"""Comparison of two OpenAPI documents: what changed, and whether a change breaks clients of the older one.

Breaking changes are: anything removed; a request that requires more; a response that guarantees less, or that may
contain something unexpected (such as a new `enum` value); different names in generated clients (`operationId`, path
parameters); different credentials. New operations, optional parameters and properties, status codes and media types
break nothing, and neither do documentation and default values. Documents are compared by meaning: the names of
components make no difference.

    document < keywords < overlap < schemas < operations < comparison

Each module imports only from those before it: a document in canonical form, and schemas as the values that they allow;
the effect of one keyword's change; overlapping options; the comparison of schemas, of operations, of documents.
"""

from composer.openapi._diff.comparison import Change, changes

__all__ = ["Change", "changes"]
