"""Request and response models."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from composer.contrib.db import StorableText

NoteText = Annotated[StorableText, Field(min_length=1, max_length=10_000, examples=["Water the plants"])]


class NewNote(BaseModel):
    """A note to create."""

    model_config = ConfigDict(strict=True)

    text: NoteText
    completed: bool = False


class NoteChange(BaseModel):
    """The fields of a note to change; omitted fields stay as they are."""

    model_config = ConfigDict(strict=True)

    # Optional, but without a default in the schema: these factories' values are never used.
    text: NoteText = Field(default_factory=str)
    completed: bool = Field(default_factory=bool)


class NoteView(BaseModel):
    """A stored note."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    completed: bool


class NoteList(BaseModel):
    """A page of notes, in order of creation."""

    items: list[NoteView]
    total: int = Field(ge=0, description="Total number of notes.")
    skip: int
    limit: int
