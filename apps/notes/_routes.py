"""The handlers; each gets the session of its request."""

from fastapi import APIRouter, HTTPException, Request, status
from sqlalchemy import delete, func, select, update

from apps.notes._schemas import NewNote, NoteChange, NoteList, NoteView
from apps.notes._tables import Note
from composer.contrib.db import Id, Limit, ReadSession, Session, Skip
from composer.responses import NOT_JSON, documented

router = APIRouter(tags=["notes"])

NO_NOTE = "Note not found"
MISSING = documented(s404=NO_NOTE)
CHANGING = documented(s400=NOT_JSON, s404=NO_NOTE)


@router.post("/", status_code=status.HTTP_201_CREATED, responses=documented(s400=NOT_JSON), summary="Create a note")
async def create_note(new: NewNote, session: Session) -> NoteView:
    """Create a note, and return it with its id."""
    note = Note(text=new.text, completed=new.completed)
    session.add(note)
    await session.flush()
    return NoteView.model_validate(note)


@router.get("/", summary="List the notes")
async def list_notes(request: Request, session: ReadSession, skip: Skip = 0, limit: Limit | None = None) -> NoteList:
    """Return notes in order of creation, and their total number."""
    page = limit or request.state.page_size
    total = await session.scalar(select(func.count()).select_from(Note)) or 0
    notes = await session.scalars(select(Note).order_by(Note.id).offset(skip).limit(page))
    items = [NoteView.model_validate(note) for note in notes]
    return NoteList(items=items, total=total, skip=skip, limit=page)


@router.get("/{id}", responses=MISSING, summary="Read a note")
async def read_note(id: Id, session: ReadSession) -> NoteView:
    """Return one note."""
    return _found(await session.get(Note, id))


@router.patch("/{id}", responses=CHANGING, summary="Change a note")
async def change_note(id: Id, change: NoteChange, session: Session) -> NoteView:
    """Update the fields that the body contains, and return the note."""
    values = change.model_dump(exclude_unset=True)
    if not values:
        return _found(await session.get(Note, id))
    # In one statement, so that no concurrent update is lost.
    return _found(await session.scalar(update(Note).where(Note.id == id).values(values).returning(Note)))


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=MISSING, summary="Delete a note")
async def delete_note(id: Id, session: Session) -> None:
    """Delete one note."""
    if await session.scalar(delete(Note).where(Note.id == id).returning(Note.id)) is None:
        raise _missing()


def _found(note: Note | None) -> NoteView:
    if note is None:
        raise _missing()
    return NoteView.model_validate(note)


def _missing() -> HTTPException:
    return HTTPException(status.HTTP_404_NOT_FOUND, NO_NOTE)
