"""Names of constraints, so that a migration can refer to them on any database."""

# PostgreSQL's default names. Source: https://www.postgresql.org/docs/current/sql-createtable.html, on CONSTRAINT.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
