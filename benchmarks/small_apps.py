"""The small apps that are combined by the hundred: five routes each, which return a small JSON object."""

from fastapi import APIRouter, FastAPI

ROUTES = 5


def add_routes(app: FastAPI | APIRouter) -> None:
    """Add the routes `/0` to `/4`."""

    async def answer() -> dict[str, int]:
        return {"note": 7}

    for number in range(ROUTES):
        app.get(f"/{number}")(answer)


def small_app() -> FastAPI:
    """Return one of the apps."""
    app = FastAPI()
    add_routes(app)
    return app


def prefix_of(number: int) -> str:
    """Return the prefix of the app with that number."""
    # All of the same length: Litestar and BlackSheep match /app49 as a path in /app4 if both are mounted.
    return f"/app{number:04}"
