"""Fixtures: migrated and empty database, application role, restart of killed servers."""

from collections.abc import Callable

import pytest
import sqlalchemy

from app.core import db
from app.ops.embedded import Postgres, Valkey


def count(url: str, table: str) -> int:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return int(connection.scalar(sqlalchemy.text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.mark.parametrize("_again", [1, 2])
def test_tables_are_empty_before_each_test(
    clean_database: None, postgres: Postgres, database_url: str, _again: int
) -> None:
    assert count(database_url, "sweep_runs") == 0
    with postgres.connect("relance") as owner:
        owner.execute("INSERT INTO sweep_runs (name, started_at, runs) VALUES ('left behind', now(), 1)")


def test_application_role_cannot_change_tables(database_url: str) -> None:
    with (
        pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"permission denied|must be owner"),
        db.transaction() as s,
    ):
        s.execute(sqlalchemy.text("ALTER TABLE users ADD COLUMN mine integer"))


def test_killed_servers_are_restarted(postgres: Postgres, valkey: Valkey) -> None:
    with db.transaction() as session:
        session.execute(sqlalchemy.text("SELECT 1"))
    postgres.kill()
    valkey.kill()


def test_servers_are_available_after_a_kill(clean_database: None, clean_broker: None, valkey: Valkey) -> None:
    with db.transaction() as session:
        assert session.scalar(sqlalchemy.text("SELECT 1")) == 1
    assert valkey.client().dbsize() == 0


def test_additional_database_is_migrated_and_separate(new_database: Callable[..., str], database_url: str) -> None:
    assert count(new_database(), "users") == 0
    assert new_database() != new_database()
