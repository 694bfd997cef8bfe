"""Check that the configured database and broker answer. Messages never contain passwords."""

import asyncio

import psycopg
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from redis.sentinel import MasterNotFoundError
from sqlalchemy import make_url

from app.config import Settings
from app.core.database.plain_url import plain_url
from app.core.database.schema_revision import needed_revision
from app.engine import redis_transport
from app.ops.embedded import CannotStart

TIMEOUT = 5  # seconds
_NO_MASTER = "BROKER_URL: no Sentinel of its addresses names the master"


def require_migrated(settings: Settings) -> None:
    """Check that the schema is as new as the code, before a part serves or works with it.

    Raises:
        CannotStart: with the revisions and the command to run.
    """
    present = _revision(settings.database_url.get_secret_value())
    if present is None or present < needed_revision():
        raise CannotStart(
            f"the database is at revision {present}, and this version needs {needed_revision()}: run `relance init`"
        )


def _revision(url: str) -> str | None:
    with psycopg.connect(plain_url(url), connect_timeout=TIMEOUT) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version LIMIT 1").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None


def require_reachable(settings: Settings) -> None:
    """Check once at start, so that not every part fails repeatedly.

    Raises:
        CannotStart: with the variable, the address and the reason.
    """
    if problem := database_problem(settings.database_url.get_secret_value()):
        raise CannotStart(problem)
    if problem := broker_problem(settings):
        raise CannotStart(problem)


def database_problem(url: str, *, name: str = "DATABASE_URL", timeout: float = TIMEOUT) -> str | None:
    """Return why the database cannot be reached, or None."""
    address = make_url(url)
    where = f"{address.host or address.query.get('host')}/{address.database}"
    try:
        asyncio.run(_connect(plain_url(url), timeout))
    except TimeoutError:
        return f"{name} does not answer ({where}): timeout expired"
    except psycopg.OperationalError as error:
        return f"{name} does not answer ({where}): {first_line(error)}"
    return None


async def _connect(url: str, seconds: float) -> None:
    """Connect once. The time-out of the driver itself is at least two seconds."""
    async with asyncio.timeout(seconds):
        connection = await psycopg.AsyncConnection.connect(url)
        await connection.close()


def broker_problem(settings: Settings, *, timeout: float = TIMEOUT) -> str | None:
    """Return why the broker cannot be reached, or None."""
    url = settings.broker_url.get_secret_value()
    options = {
        **redis_transport.sentinel_options(settings),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }
    connection = Connection(url, connect_timeout=timeout, transport_options={} if url.startswith("amqp") else options)
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout)
    except (OperationalError, OSError) as error:
        if isinstance(error.__cause__, MasterNotFoundError):  # its own message describes each client object at length
            return f"{_NO_MASTER} {settings.sentinel_master!r}: check SENTINEL_MASTER and SENTINEL_PASSWORD"
        return f"BROKER_URL does not answer ({connection.as_uri()}): {first_line(error)}"
    except Exception as error:  # noqa: BLE001  (each transport has exceptions of its own for a refused login)
        return f"BROKER_URL is refused by the broker ({connection.as_uri()}): {first_line(error)}"
    finally:
        connection.release()
    return None


def first_line(error: object) -> str:
    """Return the first line of an error message, without hints."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
