"""`python -m tests.contrib.writers URL NAME COUNT`: that many writers at once in one process, five times each."""

import sys

import anyio
from sqlalchemy import make_url, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from composer.contrib.db import Database


class Base(DeclarativeBase):
    pass


class Written(Base):
    __tablename__ = "written"

    id: Mapped[str] = mapped_column(primary_key=True)


async def main(url: str, name: str, count: str) -> None:
    async def write(database: Database, number: int) -> None:
        for turn in range(5):
            async with database.session() as session:
                await session.scalar(text("SELECT count(*) FROM written"))
                session.add(Written(id=f"{name} {number} {turn}"))

    async with Database(make_url(url), base=Base) as database, anyio.create_task_group() as group:
        for number in range(int(count)):
            group.start_soon(write, database, number)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
