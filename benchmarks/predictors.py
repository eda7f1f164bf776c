"""The apps whose predictions are measured: apps/house_price, and other ways to write it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Security
from starlette.types import Lifespan

import composer
from apps.house_price._predict import Block, Prediction, Regressor, as_regressor, values
from benchmarks.environments import REPOSITORY
from composer.contrib import auth, models
from composer.contrib.auth import APIKeyAuth, hash_key
from composer.contrib.models import Models

KEY = "a key of the benchmark"


def composed(create_app: Callable[..., FastAPI]) -> FastAPI:
    """Compose one app with its cornerstones."""
    cornerstones = [
        composer.Cornerstone("auth", auth.create_cornerstone, settings={"keys": [hash_key(KEY)]}),
        composer.Cornerstone("models", models.create_cornerstone, settings={"folder": REPOSITORY / "artefacts"}),
    ]
    return composer.compose([composer.App("predict", "/", create_app)], cornerstones=cornerstones)


def guarded(auth: APIKeyAuth, router: APIRouter, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return an app whose routes require a key, like the real one."""
    app = FastAPI(lifespan=lifespan)
    app.include_router(router, dependencies=[Security(auth)])
    return app


def plain() -> FastAPI:
    """Compose the app as written without optimisation."""

    def create_app(auth: APIKeyAuth, models: Models) -> FastAPI:
        router = APIRouter()

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Regressor]]:
            yield {"model": as_regressor(await models.load("house_price"))}

        @router.post("/predict")
        def predict(block: Block, request: Request) -> Prediction:
            return Prediction(median_house_value=values(request.state.model, [block.features()])[0])

        return guarded(auth, router, lifespan)

    return composed(create_app)


def no_model() -> FastAPI:
    """Compose an app that does everything except predicting."""

    def create_app(auth: APIKeyAuth) -> FastAPI:
        router = APIRouter()

        @router.post("/predict")
        async def predict(block: Block, request: Request) -> Prediction:
            return Prediction(median_house_value=block.features()[0])

        return guarded(auth, router)

    return composed(create_app)
