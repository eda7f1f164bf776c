"""What changed from one OpenAPI document to another, and whether it breaks a client of the older one.

What a client is told to rely on may not get less: anything gone breaks, a request that is asked for more, a
response that promises less or that holds what wasn't foreseen (a new value of an `enum` too), other names in a
generated client (`operationId`, path parameters), other credentials. More choice breaks nothing: operations,
optional parameters and properties, status codes and media types that are new; nor do texts and default values.
Documents are compared by what they mean: by which names components are called makes no difference.

    document < keywords < schemas < operations < comparison

Each module imports from those before it: a schema as what it asserts; what a difference of one keyword means;
two schemas; two operations; two documents.
"""

from composer.openapi._diff.comparison import Change, changes

__all__ = ["Change", "changes"]
