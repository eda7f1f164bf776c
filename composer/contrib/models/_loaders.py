"""The formats of artefacts: how a model is read from the content of its file, and written."""

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass

import joblib

from composer.contrib.models._unpickler import RefusedError, unpickle


@dataclass(frozen=True, slots=True)
class Loader:
    """Describe a format of artefacts, so that models of any library can be used:

        onnx = Loader(lambda content: InferenceSession(content), suffix=".onnx")
        models = Models(folder, loader=onnx)

    Args:
        load: Return the model that is in the content of a file. It is called in a thread, after the digest and the
            versions of libraries in the card have been checked.
        suffix: The ending of the files, such as ".onnx"; not ".json", which is that of the cards.
        dump: Return the content of a file for a model. Without it, `write_artefact` takes the content itself.
        libraries: Distributions that read only what the same version wrote. Default: all in the `versions` of a card.
    """

    load: Callable[[bytes], object]
    suffix: str
    dump: Callable[[object], bytes] | None = None
    libraries: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.suffix.startswith(".") or not self.suffix[1:].isalnum() or self.suffix == ".json":
            raise ValueError(f"suffix must be a dot, letters and digits, and not '.json': {self.suffix!r}")


def joblib_loader(trusted: Collection[str] = ()) -> Loader:
    """Return the loader of pickles that joblib writes; only trusted classes and functions are unpickled.

    Args:
        trusted: Classes and functions, as "module:name", in addition to the estimators of scikit-learn.
    """
    return Loader(lambda content: unpickle(content, trusted), ".joblib", _dump_joblib, ("scikit-learn",))


def skops_loader(trusted: Collection[str] = ()) -> Loader:
    """Return the loader of the format of skops, which must be installed; it unpickles nothing.

    Args:
        trusted: Types, as "module:name", in addition to those that skops trusts.

    Raises:
        ModuleNotFoundError: skops isn't installed.
    """
    from skops import io as skops_io

    names = [name.replace(":", ".") for name in trusted]

    def load(content: bytes) -> object:
        if refused := sorted(set(skops_io.get_untrusted_types(data=content)).difference(names)):
            raise RefusedError(":".join(refused[0].rsplit(".", 1)))
        return skops_io.loads(content, trusted=names)

    return Loader(load, ".skops", skops_io.dumps, ("scikit-learn",))


def _dump_joblib(model: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    return buffer.getvalue()
