"""The apps that are put together by the hundred: five routes each, that answer a small JSON."""

from fastapi import APIRouter, FastAPI

ROUTES = 5


def add_routes(app: FastAPI | APIRouter) -> None:
    """Give an app its routes, `/0` to `/4`."""

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
    """Return where the app of that number is mounted."""
    # All of one length: Litestar and BlackSheep take /app49 for something in /app4 where both are mounted.
    return f"/app{number:04}"
