"""What callers send and receive."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.db import StorableText

NoteText = Annotated[StorableText, Field(min_length=1, max_length=10_000, examples=["Water the plants"])]


class NewNote(BaseModel):
    """A note to create."""

    model_config = ConfigDict(strict=True)

    text: NoteText
    completed: bool = False


class NoteChange(BaseModel):
    """What to change of a note; what is left out stays as it is."""

    model_config = ConfigDict(strict=True)

    # Not required, and yet with no default to see: what stands here is never used.
    text: NoteText = Field(default_factory=str)
    completed: bool = Field(default_factory=bool)


class NoteView(BaseModel):
    """A note as it is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    completed: bool


class NoteList(BaseModel):
    """Some of the notes, in the order in which they were made."""

    items: list[NoteView]
    total: int = Field(ge=0, description="How many notes there are in all.")
    skip: int
    limit: int
