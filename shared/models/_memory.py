"""Give back the memory that loading a model has left free."""

import ctypes


def give_back_memory() -> None:
    """Return what the C library keeps of freed memory to the system, where it can do so.

    It keeps what was freed between what stays: of a model that was unpickled, as much again. Takes some tens of
    milliseconds where that is hundreds of megabytes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
