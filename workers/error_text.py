"""Error texts that are safe to log and to store."""

import re

from sqlalchemy.exc import DBAPIError, StatementError

_QUOTED = re.compile(r'"[^"]*"')
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def describe_error(error: BaseException | None) -> str:
    """Return the error's class and message. Of a database error only the primary message: details quote rows."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", _words(error))


def _words(error: BaseException | None) -> str:
    if isinstance(error, DBAPIError):
        return f"{type(error.orig).__name__}: {_first_words(error.orig)}"
    if isinstance(error, StatementError):  # its message contains the parameters
        return type(error.orig).__name__
    return f"{type(error).__name__}: {error}"


def _first_words(error: BaseException | None) -> str:
    if getattr(error, "sqlstate", "") is None:  # no session: the words are of the client library, or of a pooler
        return (str(error).strip().splitlines() or [""])[0]
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or "the database refused the statement"
    # Errors of class 22 (bad data) quote the value itself. Other errors quote names of tables and columns.
    return _QUOTED.sub('"…"', message) if str(getattr(error, "sqlstate", "")).startswith("22") else message
