"""The name of the environment that this process runs in."""

import os
from typing import Final

PRODUCTION: Final = "production"
DEVELOPMENT: Final = "development"


def current_environment() -> tuple[str, str]:
    """Return the name of the environment, and the variable that sets it: COMPOSER_ENV, else FASTAPI_ENV.

    Without either, or if both are empty, it is development. FastAPI's own command line sets FASTAPI_ENV.
    """
    for variable in ("COMPOSER_ENV", "FASTAPI_ENV"):
        if name := os.environ.get(variable):
            return name, variable
    return DEVELOPMENT, "COMPOSER_ENV"
