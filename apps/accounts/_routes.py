"""The handlers; each gets the session of its request."""

import anyio.to_thread
from argon2 import PasswordHasher
from fastapi import APIRouter, HTTPException, Request, status
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from apps.accounts._schemas import ItemView, NewItem, NewUser, UserView
from apps.accounts._tables import Item, User
from composer.contrib.db import Id, Limit, ReadSession, Session, Skip
from composer.responses import NOT_JSON, documented

router = APIRouter()

NO_USER = "User not found"
TAKEN = "A user with this e-mail address already exists"
MISSING = documented(s404=NO_USER)


@router.post(
    "/users",
    status_code=status.HTTP_201_CREATED,
    responses=documented(s400=NOT_JSON, s409=TAKEN),
    tags=["users"],
    summary="Create a user",
)
async def create_user(new: NewUser, request: Request, session: Session) -> UserView:
    """Create a user. E-mail addresses are case-insensitive."""
    password = new.password.get_secret_value()
    # Before the session is first used, so that hashing holds no database connection.
    hashed = await anyio.to_thread.run_sync(PasswordHasher().hash, password, limiter=request.state.hashing)
    user = User(email=new.email, password_hash=hashed)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, TAKEN) from error
    return UserView.model_validate(user)


@router.get("/users", tags=["users"], summary="List the users")
async def list_users(session: ReadSession, skip: Skip = 0, limit: Limit = 100) -> list[UserView]:
    """Return users in order of creation."""
    users = await session.scalars(select(User).order_by(User.id).offset(skip).limit(limit))
    return [UserView.model_validate(user) for user in users]


@router.get("/users/{id}", responses=MISSING, tags=["users"], summary="Read a user")
async def read_user(id: Id, session: ReadSession) -> UserView:
    """Return one user."""
    return UserView.model_validate(await _user(session, id))


@router.post(
    "/users/{id}/items",
    status_code=status.HTTP_201_CREATED,
    responses=documented(s400=NOT_JSON, s404=NO_USER),
    tags=["items"],
    summary="Create an item for a user",
)
async def create_item(id: Id, new: NewItem, session: Session) -> ItemView:
    """Create an item that belongs to the user."""
    item = Item(title=new.title, description=new.description, owner_id=id)
    session.add(item)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_USER) from error
    return ItemView.model_validate(item)


@router.get("/users/{id}/items", responses=MISSING, tags=["items"], summary="List a user's items")
async def list_items_of_user(id: Id, session: ReadSession, skip: Skip = 0, limit: Limit = 100) -> list[ItemView]:
    """Return the user's items in order of creation."""
    await _user(session, id)
    chosen = select(Item).where(Item.owner_id == id)
    items = await session.scalars(chosen.order_by(Item.id).offset(skip).limit(limit))
    return [ItemView.model_validate(item) for item in items]


@router.get("/items", tags=["items"], summary="List the items of all users")
async def list_items(session: ReadSession, skip: Skip = 0, limit: Limit = 100) -> list[ItemView]:
    """Return items in order of creation."""
    items = await session.scalars(select(Item).order_by(Item.id).offset(skip).limit(limit))
    return [ItemView.model_validate(item) for item in items]


async def _user(session: ReadSession, id: int) -> User:
    user = await session.get(User, id)
    if user is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_USER)
    return user
