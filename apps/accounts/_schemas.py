"""Request and response models. No response model has a field for a password."""

from typing import Annotated

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr

from composer.contrib.db import StorableText

# `format: email` doesn't exclude reserved domains such as `.test` (RFC 6761). They are rejected, so the schema says so.
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
        # The error's own text would show a character of the password.
        raise ValueError("not a valid text") from None
    return password


class NewUser(BaseModel):
    """A user to create."""

    email: Email
    password: Annotated[SecretStr, AfterValidator(_without_lone_surrogates)] = Field(min_length=8, max_length=128)


class UserView(BaseModel):
    """A user, without the password."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str


class NewItem(BaseModel):
    """An item to create."""

    title: Annotated[StorableText, Field(min_length=1, max_length=200, examples=["Analytical engine"])]
    description: Annotated[StorableText, Field(max_length=10_000)] | None = None


class ItemView(BaseModel):
    """A stored item."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str | None
    owner_id: int
