"""Version 1 of the house price app: the same API with a linear model."""

from fastapi import FastAPI

from apps.house_price import HousePriceSettings, create_versioned_app
from composer.contrib.auth import APIKeyAuth
from composer.contrib.models import Models

__all__ = ["LinearHousePriceSettings", "create_app"]


class LinearHousePriceSettings(HousePriceSettings):
    """The same settings with other defaults."""

    artefact: str = "house_price_linear"
    title: str = "House price (linear)"


def create_app(auth: APIKeyAuth, models: Models, settings: LinearHousePriceSettings) -> FastAPI:
    """Return version 1 of the app."""
    return create_versioned_app("1.0.0", auth, models, settings)
