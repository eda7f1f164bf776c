"""Starlette-Admin: the administration of one table, on SQLite in memory.

Source: https://jowilf.github.io/starlette-admin/
"""

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette
from starlette_admin.contrib.sqla import Admin, ModelView


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def create_app() -> Starlette:
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Post(title="First"))
        session.commit()
    app = Starlette()
    admin = Admin(engine, title="Posts")
    admin.add_view(ModelView(Post, icon="fa fa-blog"))
    admin.mount_to(app)
    return app
