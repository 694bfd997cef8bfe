"""Settings of database sessions: how they are set, also through a connection pooler, and what is wrong with one.

A direct connection sets them with the startup parameter `options`. PgBouncer refuses or drops that parameter, so
`relance init --login` stores them with the login as well (`ALTER ROLE ... SET`), which holds through any pooler.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError

from app.config import get_settings
from app.core.type_aliases import JsonDict

# Checks of both ends of a connection. By default a query waits a quarter of an hour for a host that is gone.
LINK_CHECKS: Final[Mapping[str, int]] = {
    "keepalives_idle": 5,  # seconds, as the interval
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,  # milliseconds
}
# Durations in milliseconds. No transaction blocks others, or waits for a lock, without a limit.
SETTINGS: Final[Mapping[str, str]] = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60000",
    "lock_timeout": "20000",
    "client_connection_check_interval": "1000",  # a client killed during a query releases its locks soon
    # Claims switch table scans off. Before version 18 that is a cost of 1e10, for which PostgreSQL compiles each query.
    "jit": "off",
    # The server's end, whose names all begin with `tcp_`. PostgreSQL ignores them on a Unix socket.
    **{f"tcp_{name.removeprefix('tcp_')}": str(value) for name, value in LINK_CHECKS.items()},
}
OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
PREPARE_THRESHOLD: Final = 2  # executions of a query before it is prepared; never behind a pooler
_UTC: Final = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu"})
_REFUSED: Final = "unsupported startup parameter"  # PgBouncer without `ignore_startup_parameters = options`
_STATE: Final = text(
    "SELECT current_user AS role, current_setting('TimeZone') AS zone,"
    " (SELECT array_agg(name::text ORDER BY name) FROM pg_settings WHERE setting = '0'"
    " AND name IN ('idle_in_transaction_session_timeout', 'lock_timeout')) AS unlimited,"
    " (SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(tableowner, 'member')) AS owned"
)


def support_poolers(engine: Engine) -> None:
    """Make the connections of this engine work directly and through any pooler."""
    is_refused = False

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Dialect, _: object, arguments: list[Any], given: JsonDict) -> Any:
        nonlocal is_refused
        if not is_refused:
            try:
                return dialect.connect(*arguments, **given)
            except psycopg.OperationalError as error:
                if _REFUSED not in str(error):
                    raise
                is_refused = True
        return dialect.connect(*arguments, **{**given, "options": ""})

    @event.listens_for(engine, "connect")
    def _choose_prepare_threshold(connection: psycopg.Connection, _: object) -> None:
        wanted = get_settings().database_prepare_threshold
        if wanted is None:
            wanted = 0 if is_pooled(connection) else PREPARE_THRESHOLD
        connection.prepare_threshold = wanted or None


def is_pooled(connection: psycopg.Connection) -> bool:
    """Whether a pooler is between this connection and the server: then they know different process ids of the server.

    In transaction pooling each transaction may run on another server process, which lacks the statements prepared
    before.
    """
    before, connection.autocommit = connection.autocommit, True
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    connection.autocommit = before
    return row is None or row[0] != connection.info.backend_pid


def session_problems(connection: Connection) -> list[str]:
    """Return what is wrong with the role and the settings of a session, in words."""
    return list(_problems(connection))


def _problems(connection: Connection) -> Iterator[str]:
    state = connection.execute(_STATE).one()
    if state.owned:
        yield f"the session runs as {state.role}, who owns tables or may act as their owner"
    if state.zone not in _UTC:
        yield f"the time zone of the session is {state.zone}, not UTC"
    yield from (f"the session has no {name}" for name in state.unlimited or ())


ADVICE: Final = "use a login of its own in DATABASE_URL, and run `relance init --login` as the owner"


def require_safe_session(engine: Engine) -> None:
    """Check role and settings before the process works. If the database does not answer yet, `/readyz` checks again.

    Raises:
        SystemExit: with the problems and what to do.
    """
    try:
        with engine.connect() as connection:
            problems = session_problems(connection)
    except SQLAlchemyError:
        return
    if problems:
        raise SystemExit(f"relance: {'; '.join(problems)}: {ADVICE}")
