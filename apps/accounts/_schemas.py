"""What callers send and receive. No model of an answer has a place for a password."""

from typing import Annotated

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr

from shared.db import StorableText

# `format: email` says nothing of the domains, such as `.test`, that are kept from ever being anybody's (RFC 6761).
# Those are refused, so the document says it.
_RESERVED = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in name) for name in SPECIAL_USE_DOMAIN_NAMES)
NOT_RESERVED = {"not": {"pattern": rf"[.@]({_RESERVED})$"}}

Email = Annotated[
    EmailStr,
    AfterValidator(str.lower),
    Field(max_length=254, examples=["ada@example.com"], json_schema_extra=NOT_RESERVED),
]


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
