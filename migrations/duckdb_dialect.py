"""What Alembic must know of DuckDB."""

from alembic.ddl.impl import DefaultImpl

__all__ = ["DuckDBImpl"]


class DuckDBImpl(DefaultImpl):
    """Alembic's default DDL, registered for the `duckdb` dialect."""

    __dialect__ = "duckdb"
    transactional_ddl = True
