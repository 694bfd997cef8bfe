"""The roles of the database, on a server whose owner of the tables is no superuser, as managed ones are."""

from collections.abc import Iterator

import psycopg
import pytest

from app.core.row_security import ROLE
from app.ops.embedded import Postgres
from tests.support.environment import this_process
from tests.support.servers import migrate

OWNER, WEB = "landlord", "tenant"
DATABASE = "managed"
ROW_SECURITY = "0015"


@pytest.fixture(scope="module")
def managed() -> Iterator[Postgres]:
    """Migrated by an owner who may make roles and nothing more."""
    server = Postgres(this_process() / "managed", fast=True)
    server.start()
    with server.connect() as superuser:
        superuser.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        superuser.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    migrate(server.url(DATABASE, user=OWNER))
    yield server
    server.stop()


def log_in(server: Postgres, user: str, *, options: str = "") -> psycopg.Connection:
    address = {"host": str(server.socket_folder), "dbname": DATABASE}
    return psycopg.connect(user=user, options=options, **address)


def step_down(connection: psycopg.Connection) -> tuple[str, int]:
    connection.execute("SELECT set_config('role', %s, true)", [ROLE])
    [found] = connection.execute("SELECT current_user, (SELECT count(*) FROM leads)").fetchall()
    return found


def test_a_login_of_the_applications_own_steps_down(managed: Postgres):
    with log_in(managed, OWNER) as owner:
        owner.execute(f"CREATE ROLE {WEB} LOGIN")
        owner.execute(f"GRANT relance_app TO {WEB}")
    with log_in(managed, WEB) as connection:
        assert step_down(connection) == (ROLE, 0)
        connection.commit()
        assert connection.execute("SELECT current_user").fetchone() == (WEB,)


def test_one_login_for_both_steps_down_too(managed: Postgres):
    with log_in(managed, OWNER, options="-c role=relance_app") as connection:
        assert step_down(connection) == (ROLE, 0)
        connection.rollback()
        assert connection.execute("SELECT current_user").fetchone() == ("relance_app",)


def test_the_wall_can_be_taken_down_and_put_up_again(managed: Postgres):
    url = managed.url(DATABASE, user=OWNER)
    walled = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    count: list[int] = []
    for way, to in (("downgrade", ROW_SECURITY), ("downgrade", "-1"), ("upgrade", "head")):
        migrate(url, way=way, to=to)
        with log_in(managed, OWNER) as owner:
            count += [row[0] for row in owner.execute(walled).fetchall()]
    assert count[1] == 0 < count[0] <= count[2]  # later tables are walled as they are made
