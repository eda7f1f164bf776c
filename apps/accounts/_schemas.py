"""What callers send and receive. No model of an answer has a place for a password."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr

from shared.db import StorableText

Email = Annotated[EmailStr, AfterValidator(str.lower), Field(max_length=254, examples=["ada@example.com"])]


def _without_lone_surrogates(password: SecretStr) -> SecretStr:
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        # Not the error's own text: that shows a character of the password.
        raise ValueError("not a valid text") from None
    return password


class NewUser(BaseModel):
    """A user to create."""

    email: Email
    password: Annotated[SecretStr, AfterValidator(_without_lone_surrogates)] = Field(min_length=8, max_length=128)


class UserView(BaseModel):
    """A user as others may see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str


class NewItem(BaseModel):
    """An item to create."""

    title: Annotated[StorableText, Field(min_length=1, max_length=200, examples=["Analytical engine"])]
    description: Annotated[StorableText, Field(max_length=10_000)] | None = None


class ItemView(BaseModel):
    """An item as it is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str | None
    owner_id: int
