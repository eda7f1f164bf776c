from tests.contrib.databases import anyio_backend, database_url, postgres

__all__ = ["anyio_backend", "database_url", "postgres"]
