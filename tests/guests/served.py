"""What is served: a guest alone at the root, or all of them composed. Each function is for `uvicorn --factory`."""

import os
from typing import Any

from fastapi import FastAPI

import composer
from tests.guests.catalogue import SETTINGS, made, tables

# Which guest is served alone.
GUEST = "GUEST"


def alone() -> Any:
    """Make the guest that the environment names, for the root of a server: without the settings of a prefix."""
    return made(tables()[os.environ[GUEST]], {})


def composed() -> FastAPI:
    """Compose all guests as settings.toml says."""
    return composer.build(SETTINGS)
