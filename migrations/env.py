"""Runs the migrations, on the server's own connection at start or on one of its own from the command line.

By hand: `alembic upgrade head`, on the database that `FOREGSYTE_DATABASE_URL` names, while no server runs on it.
"""

from alembic import context
from sqlalchemy import Connection

import migrations  # noqa: F401 (teaches Alembic the dialect)
from job_api.core.database import Base, Database, DatabaseUnavailable, database_url


def _run_on(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


def _run_by_hand() -> None:
    database = Database(database_url())
    try:
        database.open()
    except DatabaseUnavailable as error:
        raise SystemExit(f"alembic: {error}") from error
    try:
        with database.engine.connect() as connection:
            _run_on(connection)
            connection.commit()
    finally:
        database.close()


if (given := context.config.attributes.get("connection")) is not None:
    _run_on(given)
else:
    _run_by_hand()
