"""Bringing the database to the version the code needs, at start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations
from job_api.core.database import Database, DatabaseUnavailable


def migrate(database: Database) -> bool:
    """Apply the migrations that are missing.

    Returns:
        Whether the database was new: it held no version before.

    Raises:
        DatabaseUnavailable: The database has a version that this code does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    with database.engine.connect() as connection:
        version = _checked_version(database, connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return version is None


def _checked_version(database: Database, connection: Connection, config: Config) -> str | None:
    version = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise DatabaseUnavailable(
            f"the database {database.file} has version {version}, which this release does not know: it was written by "
            "a newer release; start that one, or restore a backup made before the upgrade"
        )
    return version
