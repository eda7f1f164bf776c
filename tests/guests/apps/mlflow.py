"""MLflow's server: its store is a SQLite file, and artefacts go through it.

Source: https://mlflow.org/docs/latest/self-hosting/
"""

import os
from pathlib import Path

from fastapi import FastAPI
from mlflow.server import ARTIFACT_ROOT_ENV_VAR, ARTIFACTS_DESTINATION_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
from mlflow.server import SERVE_ARTIFACTS_ENV_VAR as SERVE


def create_app() -> FastAPI:
    # What `mlflow server --backend-store-uri ... --serve-artifacts` sets before it starts uvicorn.
    os.environ[BACKEND_STORE_URI_ENV_VAR] = f"sqlite:///{Path('mlflow.db').absolute()}"
    os.environ[ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    os.environ[ARTIFACTS_DESTINATION_ENV_VAR] = str(Path("mlartifacts").absolute())
    os.environ[SERVE] = "true"

    from mlflow.server.fastapi_app import app

    return app
