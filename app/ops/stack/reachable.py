"""Whether the database and the broker that were named answer. Passwords are never part of a message."""

import psycopg
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from sqlalchemy import make_url

from app.config import Settings
from app.ops.embedded import CannotStart

PATIENCE = 5  # seconds


def refuse_unreachable(settings: Settings) -> None:
    """Said once, at the start, instead of by every part again and again.

    Raises:
        CannotStart: naming the variable, the address and the reason.
    """
    if problem := database_problem(settings.database_url.get_secret_value()):
        raise CannotStart(problem)
    if problem := broker_problem(settings.broker_url.get_secret_value()):
        raise CannotStart(problem)


def database_problem(url: str, *, name: str = "DATABASE_URL") -> str | None:
    """Why a connection cannot be had; None when it can."""
    address = make_url(url)
    try:
        plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
        psycopg.connect(plain, connect_timeout=PATIENCE).close()
    except psycopg.OperationalError as error:
        where = f"{address.host or address.query.get('host')}/{address.database}"
        return f"{name} does not answer ({where}): {first_line(error)}"
    return None


def broker_problem(url: str) -> str | None:
    """Why a connection cannot be had; None when it can."""
    options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    connection = Connection(url, connect_timeout=PATIENCE, transport_options=options if "redis" in url else {})
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE)
    except (OperationalError, OSError) as error:
        return f"BROKER_URL does not answer ({connection.as_uri()}): {first_line(error)}"
    finally:
        connection.release()
    return None


def first_line(error: object) -> str:
    """An error's own words, without its hints."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
