"""Alembic runs this for each command; the caller has put the connection and the options into the configuration."""

from alembic import context

context.configure(**context.config.attributes["options"])
with context.begin_transaction():
    context.run_migrations()
