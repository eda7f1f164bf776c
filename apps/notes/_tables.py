"""The database table of notes."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Note(Base):
    """One note. The id of a deleted note is never reused."""

    __tablename__ = "notes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    completed: Mapped[bool]
