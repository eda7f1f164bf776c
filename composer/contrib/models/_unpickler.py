"""Unpickling with an allowlist of classes and functions.

A pickle names classes and functions, and reading it calls them. Here, a name that isn't on the list is rejected before
it is imported, so that a malicious pickle runs no code, whoever wrote it and whatever digest its card has. Python's
documentation describes this technique ("Restricting Globals"). Since 1.6, joblib applies the same check to pickles
inside of a pickle (arrays of objects).
"""

import inspect
import io
import re
import zlib
from collections.abc import Iterable
from typing import Any

from joblib.numpy_pickle import NumpyUnpickler

# The components of arrays, random states and Python's own collections, as "module:name".
_KNOWN = frozenset(
    {
        *(f"builtins:{name}" for name in ("bytearray", "complex", "frozenset", "object", "range", "set", "slice")),
        *(f"collections:{name}" for name in ("OrderedDict", "defaultdict", "deque")),
        "copyreg:_reconstructor",
        "joblib.numpy_pickle:NumpyArrayWrapper",
        *(f"numpy:{name}" for name in ("dtype", "ndarray", "float32", "float64", "int32", "int64", "bool_", "bool")),
        *(f"numpy._core.multiarray:{name}" for name in ("_reconstruct", "scalar")),
        "numpy._core.numeric:_frombuffer",
        *(f"numpy.random._pickle:__{name}_ctor" for name in ("bit_generator", "generator", "randomstate")),
        *(f"numpy.random.bit_generator:{name}" for name in ("SeedSequence", "__pyx_unpickle_SeedSequence")),
        "numpy.random._pcg64:PCG64",
        "numpy.random._mt19937:MT19937",
        *(
            f"sklearn.{module}:newObj"
            for module in ("metrics._dist_metrics", "neighbors._ball_tree", "neighbors._kd_tree")
        ),
        *(f"scipy.sparse._{kind}:{kind}_{form}" for kind in ("csr", "csc", "coo") for form in ("array", "matrix")),
    }
)

# The modules of scikit-learn with estimators. Those left out fetch data, start processes or contain tests.
_ESTIMATORS = re.compile(r"sklearn(?!\.(utils|datasets|externals|conftest)\b)(\.(?!tests\b)\w+)+")


class RefusedError(Exception):
    """A class or function isn't on the allowlist; the text is "module:name"."""


def unpickle(payload: bytes, trusted: Iterable[str] = ()) -> object:
    """Read a pickle of joblib, plain or compressed by zlib; `trusted` extends the allowlist.

    Raises:
        RefusedError: It refers to something that isn't on the list; that was neither imported nor called.
        Exception: Raised by unpickling if the content isn't a pickle.
    """
    content = zlib.decompress(payload) if payload[:1] == b"\x78" else payload
    return _Unpickler(io.BytesIO(content), trusted).load()


class _Unpickler(NumpyUnpickler):  # type: ignore[misc]  # joblib has no types
    def __init__(self, file: io.BytesIO, trusted: Iterable[str]) -> None:
        super().__init__("", file, ensure_native_byte_order=True)
        self._trusted = _KNOWN.union(trusted)

    def find_class(self, module: str, name: str) -> Any:
        reference = f"{module}:{name}"
        if reference in self._trusted:
            return super().find_class(module, name)
        # A name with a dot could refer to something that the module has imported.
        if _ESTIMATORS.fullmatch(module) and "." not in name:
            named = super().find_class(module, name)
            if inspect.isclass(named) and _ESTIMATORS.fullmatch(named.__module__):
                return named
        raise RefusedError(reference)
