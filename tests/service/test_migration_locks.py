"""Migrations give way to the statements of running processes instead of holding them up."""

import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg
import pytest

from app.core.database.plain_url import plain_url
from tests.support.processes import wait_until
from tests.support.servers import migrate

WAITING: Final = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'lead_tasks'::regclass"
INSERT_LOCK: Final = "LOCK TABLE lead_tasks IN ROW EXCLUSIVE MODE"


@pytest.fixture
def earlier_database(new_database: Callable[[], str]) -> str:
    """A database before migration 0068, which changes `lead_tasks`."""
    url = new_database()
    migrate(url, way="downgrade", to="0067")
    return url


def test_migration_that_waits_for_a_lock_does_not_hold_up_others(earlier_database: str) -> None:
    with connect(earlier_database) as slow, connect(earlier_database) as other, connect(earlier_database) as observer:
        slow.execute(INSERT_LOCK)
        migration = threading.Thread(target=migrate, args=[earlier_database])
        migration.start()
        observer.autocommit = True
        wait_until(lambda: observer.execute(WAITING).rowcount > 0, 60, "the migration to wait")
        other.execute("SET lock_timeout = '20s'")
        other.execute(INSERT_LOCK)  # behind a migration that waits for `slow`, this would fail after 20 s
        other.rollback()
        slow.rollback()
        migration.join()
        assert observer.execute("SELECT FROM task_rollup_days").rowcount == 0


def test_migrations_before_one_that_fails_stay(earlier_database: str) -> None:
    with connect(earlier_database) as owner:
        owner.execute("CREATE TABLE lead_rollup_stays (id int)")  # migration 0069 creates it
        owner.commit()
        with pytest.raises(pytest.exit.Exception, match="already exists"):
            migrate(earlier_database)
        assert owner.execute("SELECT version_num FROM alembic_version").fetchall() == [("0068",)]


def connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(plain_url(url))
