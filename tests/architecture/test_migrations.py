"""The migrations make exactly the tables that the models describe, and the last one can be taken back."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app.models import Base

ROOT = Path(__file__).parents[2]


def differences(url: str) -> list[Any]:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)


def migrate(url: str, *command: str) -> None:
    env = {**os.environ, "OWNER_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "alembic", *command], cwd=ROOT, env=env, check=True, capture_output=True)


def test_migrations_match_the_models(new_database: Callable[[], str]) -> None:
    assert differences(new_database()) == []


def test_the_last_migration_goes_back_and_forth(new_database: Callable[[], str]) -> None:
    url = new_database()
    migrate(url, "downgrade", "-1")
    assert differences(url) != []
    migrate(url, "upgrade", "head")
    assert differences(url) == []
