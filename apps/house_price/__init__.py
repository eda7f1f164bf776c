"""The price of a house in California: predict the median value of a block of houses, as of the census of 1990."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Security
from pydantic import BaseModel, Field

from apps.house_price import _batch, _predict
from apps.house_price._predict import Features, Numbers, State, as_regressor, values
from composer.contrib.auth import APIKeyAuth
from composer.contrib.models import Batches, Models, answering_busy
from composer.responses import documented, with_plain_errors

__all__ = ["HousePriceSettings", "create_app", "create_versioned_app"]

# Batch requests that may wait, each of up to some megabytes.
MAX_TABLES = 16


class HousePriceSettings(BaseModel):
    """The model, the app's title, and the limits of prediction."""

    artefact: str = Field(default="house_price", description="Name of the artefact.")
    title: str = Field(default="House price", min_length=1, description="The app's title in the docs.")
    max_batch: int = Field(default=64, ge=1, description="Maximum number of single predictions in one batch.")
    max_queue: int = Field(default=1024, ge=1, description="Maximum number of waiting predictions; beyond it: 503.")
    threads: int = Field(default=1, ge=1, description="OpenMP threads for a request with many blocks.")


def create_app(auth: APIKeyAuth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Return the app; its lifespan loads the model."""
    return create_versioned_app("2.0.0", auth, models, settings)


def create_versioned_app(version: str, auth: APIKeyAuth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Return one version of the app, for the package of that version.

    Its lifespan raises `composer.contrib.models.ArtefactError` if the artefact is rejected.
    """

    model = models.expect(settings.artefact, as_regressor)

    def predict_rows(rows: Sequence[Features]) -> list[float]:
        return values(model.current, rows)

    def predict_tables(tables: Sequence[Numbers]) -> list[list[float]]:
        return [values(model.current, table) for table in tables]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        name, size, queue = settings.artefact, settings.max_batch, settings.max_queue
        async with (
            model,
            Batches(predict_rows, name=name, max_size=size, max_queue=queue) as rows,
            # In their own thread, so that a single prediction doesn't wait behind ten thousand.
            Batches(
                predict_tables, name=f"{name} tables", max_size=1, max_queue=MAX_TABLES, threads=settings.threads
            ) as tables,
        ):
            yield {"rows": rows, "tables": tables}

    app = FastAPI(title=settings.title, version=version, summary=__doc__, lifespan=lifespan)
    refusals = documented(s401="The API key is missing or wrong")
    for router in (_predict.router, _batch.router):
        app.include_router(router, dependencies=[Security(auth)], responses=refusals)
    return answering_busy(with_plain_errors(app))
