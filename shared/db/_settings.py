"""Which database, how many connections, and how long to wait for what."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

MALFORMED = (
    "the database's url isn't an SQLAlchemy URL, like postgresql+psycopg://user:password@host/name; escape what is"
    " special in the user and the password: %40 for @, %3A for :, %2F for /, %25 for %"
)


class DatabaseSettings(BaseModel):
    """Which database, how many connections to it, and how long to wait; all times are in seconds."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: SecretStr = Field(
        default=SecretStr("sqlite+aiosqlite:///var/app.db"),
        description="An SQLAlchemy URL; a relative SQLite file starts at the folder of settings.toml.",
    )
    upgrade: bool | None = Field(
        default=None,
        description="Run the apps' migrations when the server starts. Default: everywhere but in production, where a"
        " schema that is behind is an error.",
    )
    busy_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that SQLite waits for another writer to finish."
    )
    pool_size: int = Field(default=10, ge=1, le=1000, description="Connections that are kept open.")
    max_overflow: int = Field(default=10, ge=0, le=1000, description="Connections that are opened beyond them.")
    pool_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that a request waits for a connection to become free."
    )
    connect_timeout: int = Field(
        default=5, ge=2, le=600, description="Seconds that PostgreSQL has to accept a connection, or to heed one."
    )
    statement_timeout: float | None = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="Seconds that PostgreSQL has for one statement; none at all where a pooler in front forbids it.",
    )

    def url_from(self, root: Path) -> URL:
        """Return the URL, with a relative SQLite file put under `root`.

        Raises:
            ValueError: The URL is malformed. The error shows nothing of it: what is taken for the port may be the
                end of a password.
        """
        try:
            url = make_url(self.url.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError(MALFORMED) from None
        # Of an address that was cut at the wrong '@', the driver would tell as of an unknown host.
        if "@" in (url.host or ""):
            raise ValueError(MALFORMED)
        file = sqlite_file(url)
        return url.set(database=str(root / file)) if file else url


def sqlite_file(url: URL) -> Path | None:
    """Return the file that an SQLite database is kept in; None for one in memory, and for any other database."""
    in_a_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if in_a_file and "uri" not in url.query else None
