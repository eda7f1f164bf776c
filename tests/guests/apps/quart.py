"""Quart: routes, a template, a WebSocket, a stream, static files, and what runs before it serves.

Source: https://quart.palletsprojects.com/en/latest/
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

from quart import Quart, redirect, render_template_string, url_for, websocket

PAGE = """
<link rel="stylesheet" href="{{ url_for('static', filename='site.css') }}">
<a href="{{ url_for('where') }}">{{ greeting }}</a>
"""


def create_app() -> Quart:
    app = Quart(__name__, static_folder=str(Path(__file__).with_name("static")))

    @app.before_serving
    async def start() -> None:
        app.config["GREETING"] = "hello"

    @app.get("/")
    async def home() -> str:
        return await render_template_string(PAGE, greeting=app.config.get("GREETING"))

    @app.get("/where")
    async def where() -> str:
        return url_for("where", _external=True)

    @app.get("/old")
    async def old() -> Any:
        return redirect(url_for("home"))

    @app.get("/events")
    async def tell() -> Any:
        async def lines() -> AsyncIterator[bytes]:
            for number in count():
                yield f"data: {number}\n\n".encode()
                await asyncio.sleep(0.1)

        return lines(), {"Content-Type": "text/event-stream"}

    @app.websocket("/echo")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app
