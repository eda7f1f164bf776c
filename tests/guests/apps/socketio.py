"""python-socketio: an echo, and a room.

Source: https://python-socketio.readthedocs.io/en/stable/server.html
"""

from typing import Any

import socketio

started: list[str] = []


async def start() -> None:
    started.append("yes")


def create_app() -> socketio.ASGIApp:
    # A poll is answered when there is something to say, or a ping is due.
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=1)

    @sio.event
    async def echo(sid: str, data: Any) -> Any:
        return data

    @sio.event
    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room)
        await sio.emit("joined", {"room": room, "started": started}, room=room)

    return socketio.ASGIApp(sio, on_startup=start)
