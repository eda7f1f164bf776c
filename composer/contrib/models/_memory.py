"""Return memory to the system that loading a model has freed."""

import ctypes


def give_back_memory() -> None:
    """Return freed memory from the C library to the system, if the library supports it.

    The library keeps memory that was freed between blocks in use: after unpickling, as much as the model's size. Takes
    tens of milliseconds for hundreds of megabytes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
