"""Errors that the operator can fix, as one line each."""

import psycopg
from kombu.exceptions import OperationalError as BrokerError
from psycopg import errors
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from app.config import Settings
from app.errors import Invalid, RelanceError
from app.ops.stack.connectivity import first_line
from app.security.encryption import DecryptionError


def error_line(error: Exception) -> str | None:  # noqa: PLR0911  (one line per kind of error)
    """Return the line for an error of the settings, the environment or a server. None for an error of the code."""
    match error:
        case Invalid():
            return "; ".join(f"{wrong.pointer.strip('/')}: {wrong.message}" for wrong in error.errors) or str(error)
        case RelanceError():
            return str(error)
        case DecryptionError():
            return f"no key decrypts {error}: set ENCRYPTION_KEYS to the same value as in the other processes"
        case ValidationError():
            return "; ".join(_setting_line(mistake) for mistake in error.errors())
        case DBAPIError(orig=psycopg.Error() as cause):
            return error_line(cause)
        case errors.InsufficientPrivilege():
            return f"{_database_line(error)}; OWNER_DATABASE_URL needs a login that owns the tables and has CREATEROLE"
        case psycopg.OperationalError() | errors.ReadOnlySqlTransaction():
            return _database_line(error)
        case RedisError() | BrokerError():
            return f"the broker does not answer: {first_line(error)}"
        case OSError():
            place = f" ({error.filename})" if error.filename else ""
            return f"the system refuses: {error.strerror or error}{place}"
    return None


def _setting_line(mistake: ErrorDetails) -> str:
    """Return the wrong setting, what is wrong, and its value if that is no secret.

    An error about several settings names them itself.
    """
    message = mistake["msg"].removeprefix("Value error, ")
    name = str(mistake["loc"][0]) if mistake["loc"] else ""
    field = Settings.model_fields.get(name)
    if field is None:
        return "".join(f"{part}: ".upper() for part in mistake["loc"]) + message
    shown = str(mistake["input"]).encode("unicode_escape").decode()  # without line breaks
    value = "" if field.annotation is SecretStr else f' (it is "{shown}")'
    return f"{name.upper()}: {message}{value}"


def _database_line(error: psycopg.Error) -> str:
    """Return the server's own words. Without an SQLSTATE there was no session: it did not answer, or refused one."""
    words = error.diag.message_primary or first_line(error)
    if error.sqlstate is None and "FATAL:" not in words and "ERROR:" not in words:
        return f"the database does not answer: {words}"
    return f"the database refuses: {words}"
