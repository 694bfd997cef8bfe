"""Alembic migrations: configuration, current revision and newest revision."""

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from app.config import get_settings
from app.ops.stack.procfile import ROOT


def alembic_configuration() -> Config:
    """Return the Alembic configuration with absolute paths, so that it works in every folder."""
    configuration = Config(ROOT / "alembic.ini")
    configuration.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    return configuration


def current_revision() -> str | None:
    """Return the database's revision; None if it is empty."""
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the newest revision of the code."""
    return ScriptDirectory.from_config(alembic_configuration()).get_current_head()
