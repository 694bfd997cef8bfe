"""The connections of a process to the database."""

from contextlib import ExitStack

from app.config import get_settings
from app.core.db import engine

pytest_plugins = ["tests.support.desk"]


def servers_of(count: int) -> set[int]:
    """Use this many connections at once. Returns the process ids of their servers."""
    with ExitStack() as open_connections:
        connections = [open_connections.enter_context(engine().connect()) for _ in range(count)]
        return {connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in connections}


def test_connections_opened_under_load_stay_open(postgres: object):
    most = 2 * get_settings().database_pool
    assert servers_of(most) == servers_of(most)
