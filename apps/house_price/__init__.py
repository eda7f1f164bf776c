"""The price of a house in California: predict the median value of a block of houses, as of the census of 1990."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Security
from pydantic import BaseModel, Field

from apps.house_price._predict import State, as_regressor, router
from shared._answers import documented, with_plain_errors
from shared.auth import Auth
from shared.models import Models

__all__ = ["HousePriceSettings", "create_app", "create_versioned_app"]


class HousePriceSettings(BaseModel):
    """Which model predicts, and under which title."""

    artefact: str = Field(default="house_price", description="Name of the artefact.")
    title: str = Field(default="House price", min_length=1, description="The app's title in the docs.")


def create_app(auth: Auth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Construct the app; it loads its model when it starts."""
    return create_versioned_app("2.0.0", auth, models, settings)


def create_versioned_app(version: str, auth: Auth, models: Models, settings: HousePriceSettings) -> FastAPI:
    """Construct one version of the app, for the package of that version.

    Its start raises `shared.models.ArtefactError` where the artefact is refused.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        yield {"model": as_regressor(await models.load(settings.artefact))}

    app = FastAPI(title=settings.title, version=version, summary=__doc__, lifespan=lifespan)
    refusals = documented(s401="The API key is missing or wrong")
    app.include_router(router, dependencies=[Security(auth)], responses=refusals)
    return with_plain_errors(app)
