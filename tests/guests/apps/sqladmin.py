"""SQLAdmin: the administration of one table, on SQLite in memory.

Source: https://aminalaee.github.io/sqladmin/
"""

from typing import ClassVar

from sqladmin import Admin, ModelView
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class UserAdmin(ModelView, model=User):  # type: ignore[call-arg]
    column_list: ClassVar = ["id", "name"]
    column_searchable_list: ClassVar = ["name"]


def create_app() -> Starlette:
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(name="Ada"))
        session.commit()
    app = Starlette()
    Admin(app, engine).add_view(UserAdmin)
    return app
