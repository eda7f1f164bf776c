"""The price of a house by a linear model; each prediction is stored."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from composer.contrib.db import ReadSession, Session
from composer.contrib.models import Batches, Models


class Base(DeclarativeBase):
    """The base class of the project's tables."""


class Predicted(Base):
    """One prediction."""

    __tablename__ = "predicted"

    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[float]


class Line:
    """A linear model: a weight for each feature."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def predict(self, rows: Any) -> Any:
        """Return a price for each row."""
        return np.asarray(rows) @ self.weights


def load(content: bytes) -> Line:
    """Return the model in the content of a file."""
    return Line(np.load(io.BytesIO(content), allow_pickle=False))


def create_app(models: Models) -> FastAPI:
    """Return the app; its lifespan loads the model."""
    model = models.expect("house", lambda model: model)

    def predict_rows(rows: Sequence[list[float]]) -> list[float]:
        current: Any = model.current
        return [float(price) for price in current.predict(rows)]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        async with model, Batches(predict_rows, name="house") as batches:
            yield {"batches": batches}

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def predict(features: list[float], request: Request, session: Session) -> float:
        price: float = await request.state.batches.submit(features)
        session.add(Predicted(price=price))
        return price

    @app.get("/")
    async def read(session: ReadSession) -> list[float]:
        return list(await session.scalars(select(Predicted.price).order_by(Predicted.id)))

    return app
