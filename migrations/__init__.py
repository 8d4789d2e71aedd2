"""Alembic migrations of the jobs database."""

from migrations.duckdb_dialect import DuckDBImpl

__all__ = ["DuckDBImpl"]
