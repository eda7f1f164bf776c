"""A user who may not read everything, for the tests that are run by one who may."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Take all rights from a file or folder, and from the superuser his, until the block is left."""
    mode, user = path.stat().st_mode, os.geteuid()
    opened = {folder: folder.stat().st_mode for folder in path.parents if folder.stat().st_uid == user}
    for folder, before in opened.items():
        folder.chmod(before | 0o055)
    path.chmod(0)
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for folder, before in {path: mode, **opened}.items():
            folder.chmod(before)
