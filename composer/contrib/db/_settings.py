"""The database, the number of connections, and timeouts."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

MALFORMED = (
    "the database's url isn't an SQLAlchemy URL, such as postgresql+psycopg://user:password@host/name; escape special"
    " characters in the user and the password: %40 for @, %3A for :, %2F for /, %25 for %"
)


class DatabaseSettings(BaseModel):
    """The database, the number of connections, and timeouts in seconds."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: SecretStr = Field(
        default=SecretStr("sqlite+aiosqlite:///var/app.db"),
        description="SQLAlchemy URL; the path of an SQLite file is relative to the folder of settings.toml.",
    )
    upgrade: bool | None = Field(
        default=None,
        description="Run the apps' migrations when the server starts. Default: true, but false in production, where"
        " pending migrations are an error.",
    )
    migrations: str = Field(
        default="migrations",
        pattern=r"^[A-Za-z_]\w*$",
        description="Folder of an app's migrations, in its package. Two databases of one app need two folders.",
    )
    busy_timeout: float = Field(default=10.0, gt=0, le=600, description="Seconds that SQLite waits for another writer.")
    pool_size: int = Field(default=10, ge=1, le=1000, description="Number of connections that are kept open.")
    max_overflow: int = Field(default=10, ge=0, le=1000, description="Number of additional connections under load.")
    pool_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that a request waits for a connection."
    )
    connect_timeout: int = Field(
        default=5, ge=2, le=600, description="Seconds after which PostgreSQL counts as unresponsive."
    )
    statement_timeout: float | None = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="Seconds that PostgreSQL may take for one statement; none if a pooler rejects the option.",
    )

    def url_from(self, root: Path) -> URL:
        """Return the URL, with a relative path of an SQLite file joined to `root`.

        Raises:
            ValueError: The URL is malformed. The error doesn't show it: a supposed port may be part of a password.
        """
        try:
            url = make_url(self.url.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError(MALFORMED) from None
        # If the URL was split at the wrong '@', the driver's error would show part of the password as an unknown host.
        if "@" in (url.host or ""):
            raise ValueError(MALFORMED)
        file = sqlite_file(url)
        return url.set(database=str(root / file)) if file else url


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, and for any other database."""
    in_a_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if in_a_file and "uri" not in url.query else None
