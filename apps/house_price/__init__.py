"""The price of a house in California: predict the median value of a block of houses, as of the census of 1990."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Security
from pydantic import BaseModel, Field

from apps.house_price import _batch, _predict
from apps.house_price._predict import Features, Numbers, State, as_regressor, values
from shared._answers import documented, with_plain_errors
from shared.auth import Auth
from shared.models import Batches, Models, answering_busy

__all__ = ["HousePriceSettings", "create_app", "create_versioned_app"]

# Requests for many predictions that may wait, each of up to some megabytes.
MAX_TABLES = 16


class HousePriceSettings(BaseModel):
    """Which model predicts, and under which title."""

    artefact: str = Field(default="house_price", description="Name of the artefact.")
    title: str = Field(default="House price", min_length=1, description="The app's title in the docs.")
    max_batch: int = Field(default=64, ge=1, description="How many single predictions are made together at most.")
    max_queue: int = Field(default=1024, ge=1, description="How many may wait; the next one is answered with 503.")
    threads: int = Field(default=1, ge=1, description="Threads of OpenMP for a request that asks for many at once.")


def create_app(auth: Auth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Construct the app; it loads its model when it starts."""
    return create_versioned_app("2.0.0", auth, models, settings)


def create_versioned_app(version: str, auth: Auth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Construct one version of the app, for the package of that version.

    Its start raises `shared.models.ArtefactError` where the artefact is refused.
    """

    model = models.expect(settings.artefact, as_regressor)

    def predict_rows(rows: Sequence[Features]) -> list[float]:
        return values(model.current, rows)

    def predict_tables(tables: Sequence[Numbers]) -> list[list[float]]:
        return [values(model.current, table) for table in tables]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        await model.load()
        name, size, queue = settings.artefact, settings.max_batch, settings.max_queue
        async with (
            Batches(predict_rows, name=name, max_size=size, max_queue=queue) as rows,
            # In a thread of their own: a single prediction doesn't wait behind ten thousand.
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
