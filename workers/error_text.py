"""An error in words that may be shown and logged, and can be stored."""

import re

from sqlalchemy.exc import DBAPIError, StatementError

_QUOTED = re.compile(r'"[^"]*"')
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def words(error: BaseException | None) -> str:
    """The kind of error and what it says; of a database's error only its first words, for the rest quotes rows."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", _words(error))


def _words(error: BaseException | None) -> str:
    if isinstance(error, DBAPIError):
        return f"{type(error.orig).__name__}: {_first_words(error.orig)}"
    if isinstance(error, StatementError):  # says its parameters, too
        return type(error.orig).__name__
    return f"{type(error).__name__}: {error}"


def _first_words(error: BaseException | None) -> str:
    diagnosis = getattr(error, "diag", None)
    said = getattr(diagnosis, "message_primary", None) or "the database said no"
    # Of bad data (class 22) the very value is quoted; of everything else, names of tables and columns.
    return _QUOTED.sub('"…"', said) if str(getattr(error, "sqlstate", "")).startswith("22") else said
