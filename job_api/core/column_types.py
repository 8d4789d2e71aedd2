"""Column types that DuckDB's dialect lacks."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware `datetime` in UTC, stored as `TIMESTAMP` without a zone.

    DuckDB's `TIMESTAMP WITH TIME ZONE` answers in the session's zone and needs `pytz`; this is the same instant on
    every host.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC, without its zone, to be stored."""
        del dialect
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored instant with its zone."""
        del dialect
        return value and value.replace(tzinfo=UTC)
