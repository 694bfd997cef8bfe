"""SQL text for the driver, without SQLAlchemy's compilation and conversion of results.

`Session.execute(text(...))` takes several times as long. The busiest statements use this instead. Cursor events and the
errors of SQLAlchemy stay.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject

_NAMED: Final = re.compile(r"(?<![:\w$\\]):([\w$]+)(?![:\w$])")  # as in `text()`
_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|%)")


def driver_sql(statement: str) -> str:
    r"""Return the SQL of a statement with `:name` parameters and `\:` for a colon, in the notation of the driver.

    The caller caches it.
    """
    return _NAMED.sub(r"%(\1)s", statement.replace("%", "%%")).replace(r"\:", ":")


def execute_driver_sql(session: Session, sql: str, values: JsonObject) -> list[Any]:
    """Execute SQL of `driver_sql`, and return its rows as named tuples. Values are passed to the driver unchanged.

    Raises:
        DBAPIError: as `Session.execute` does.
    """
    connection = session.connection()
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    cursor = psycopg.RawCursor(driver, row_factory=namedtuple_row)
    query, names = _numbered(sql)
    connection.dispatch.before_cursor_execute(connection, cursor, sql, values, None, False)
    try:
        cursor.execute(query, [values[name] for name in names])
        rows = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
    except psycopg.Error as error:
        raise _sqlalchemy_error(connection, driver, sql, error) from error
    connection.dispatch.after_cursor_execute(connection, cursor, sql, values, None, False)
    return rows


@lru_cache(maxsize=512)
def _numbered(sql: str) -> tuple[bytes, Sequence[str]]:
    """Return the SQL with `$1` for the first parameter, and the names in that order.

    Psycopg would do so at each call, because it caches the conversion of short statements only.
    """
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}" if found[1] else "%"

    return _PLACEHOLDER.sub(number, sql).encode(), [*numbers]


def _sqlalchemy_error(connection: Connection, driver: psycopg.Connection, sql: str, error: psycopg.Error) -> Exception:
    """Return the error that SQLAlchemy raises, after it has dropped a connection that is closed."""
    if driver.closed:
        connection.invalidate(error)
    raised: Exception = DBAPIError.instance(
        sql, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
    )
    return raised
