"""Database roles, on a server where the owner of the tables is no superuser, as on managed servers."""

from collections.abc import Iterator

import psycopg
import pytest

from app.core.database.row_security import ROLE
from app.ops.embedded import Postgres
from tests.support.environment import this_process
from tests.support.servers import migrate

OWNER, WEB = "landlord", "tenant"
DATABASE = "managed"
ROW_SECURITY = "0015"


@pytest.fixture(scope="module")
def managed_server() -> Iterator[Postgres]:
    """A server whose tables belong to a role with CREATEROLE and nothing more."""
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


def switch_role(connection: psycopg.Connection) -> tuple[str, int]:
    connection.execute("SELECT set_config('role', %s, true)", [ROLE])
    [found] = connection.execute("SELECT current_user, (SELECT count(*) FROM leads)").fetchall()
    return found


def test_separate_login_switches_to_the_application_role(managed_server: Postgres):
    with log_in(managed_server, OWNER) as owner:
        owner.execute(f"CREATE ROLE {WEB} LOGIN")
        owner.execute(f"GRANT relance_app TO {WEB}")
    with log_in(managed_server, WEB) as connection:
        assert switch_role(connection) == (ROLE, 0)
        connection.commit()
        assert connection.execute("SELECT current_user").fetchone() == (WEB,)


def test_shared_login_switches_to_the_application_role(managed_server: Postgres):
    with log_in(managed_server, OWNER, options="-c role=relance_app") as connection:
        assert switch_role(connection) == (ROLE, 0)
        connection.rollback()
        assert connection.execute("SELECT current_user").fetchone() == ("relance_app",)


def test_row_security_is_removed_by_downgrade_and_restored_by_upgrade(managed_server: Postgres):
    url = managed_server.url(DATABASE, user=OWNER)
    walled = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    count: list[int] = []
    for way, to in (("downgrade", ROW_SECURITY), ("downgrade", "-1"), ("upgrade", "head")):
        migrate(url, way=way, to=to)
        with log_in(managed_server, OWNER) as owner:
            count += [row[0] for row in owner.execute(walled).fetchall()]
    assert count[1] == 0 < count[0] <= count[2]  # later tables are walled as they are made
