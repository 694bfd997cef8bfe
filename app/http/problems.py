"""Error responses as problem documents (RFC 9457), with the same members for every error."""

import errno
import json
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Self

import psycopg
import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from app.core.telemetry.logs import request_id
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict, NotFound, RelanceError, Unauthenticated
from app.security.encryption import MissingKey

CONTENT_TYPE = "application/problem+json"

# SQLSTATE classes: none (no connection), connection exception, insufficient resources, operator intervention.
_OFFLINE = frozenset({"", "08", "53", "57"})
_DISK_FULL = "53100"
_READ_ONLY = "25006"  # read-only transaction: a standby, or default_transaction_read_only
_OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
STORAGE_MEMORY = 30.0  # seconds for which `/readyz` reports a refused write
_CONCURRENCY = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available

log = structlog.get_logger()


class Unavailable(RelanceError):
    """The database is not available. Try again in a few seconds."""

    status = 503
    retry_after = 5


class KeysWrong(Unavailable):
    """The keys of this process are not those of the others."""

    retry_after = 60


class KeyMissing(Unavailable):
    """This server lacks a key of the data. An operator has to set it."""

    retry_after = 60

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Return the error for keys of these names."""
        return cls(
            f"This process lacks an encryption key of the data: {', '.join(names)}. Nothing was changed."
            " Set ENCRYPTION_KEYS to the value of the other processes, and restart this process."
        )


class StorageFull(Unavailable):
    """The storage of the server is full. Nothing was saved. Try again later."""

    retry_after = 60


class WritesRefused(Unavailable):
    """The database accepts no changes at the moment. Nothing was saved. Try again later."""

    retry_after = 60


class Malformed(RelanceError):
    """The body is not well-formed JSON."""

    status = 400


class UnsupportedMediaType(RelanceError):
    """The body must be JSON. Send Content-Type: application/json."""

    status = 415


def register(app: Flask) -> None:
    """Return every error of this application as a problem document."""
    app.register_error_handler(RelanceError, problem_response)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(PoolTimeout, _answer_no_database)
    app.register_error_handler(DBAPIError, _answer_database)
    app.register_error_handler(psycopg.Error, _answer_database)  # of statements on the driver's connection
    app.register_error_handler(MissingKey, _answer_missing_key)
    app.register_error_handler(OSError, _answer_system)
    app.register_error_handler(Exception, _answer_unexpected)


def is_unavailable(error: DBAPIError | psycopg.Error) -> bool:
    """Whether the database was not available, dropped the connection, or takes no writes."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    lost = isinstance(driver, psycopg.OperationalError | psycopg.InterfaceError) and _sqlstate(error)[:2] in _OFFLINE
    return lost or _sqlstate(error) == _READ_ONLY


def unavailable(error: Exception) -> Unavailable:
    """Return the domain error for a database that is not available, by its reason."""
    if _sqlstate(error) == _DISK_FULL:
        return storage_full()
    return WritesRefused() if _sqlstate(error) == _READ_ONLY else Unavailable()


def storage_full() -> StorageFull:
    """Return the error for a write that found no space, and remember it for `/readyz`."""
    global _full_until  # noqa: PLW0603  (one memory per process)
    _full_until = time.monotonic() + STORAGE_MEMORY
    return StorageFull()


def storage_was_full() -> bool:
    """Whether a write of this process found no space in the last half minute."""
    return time.monotonic() < _full_until


_full_until = 0.0


def problem_response(error: RelanceError) -> Response:
    """Return the response of a domain error."""
    response = _respond(to_problem(error))
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="relance"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def to_problem(error: RelanceError) -> JsonDict:
    """Return the problem document of a domain error, as JSON values. Batch responses contain it too."""
    return _body(error.status, error.code(), error.title(), detail=str(error), **error.members())


def problem(status: int, code: str, title: str, *, detail: str, **more: object) -> Response:
    """Return a problem response. `code` is the stable error code; `detail` describes this occurrence."""
    return _respond(_body(status, code, title, detail=detail, **more))


def _respond(body: JsonObject) -> Response:
    return Response(json.dumps(body), status=body["status"], content_type=CONTENT_TYPE)


def _body(status: int, code: str, title: str, *, detail: str, **more: object) -> JsonDict:
    return {
        "type": f"urn:relance:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "request_id": request_id(),
        "code": code,
        **more,
    }


def _answer_http(error: HTTPException) -> Response:
    status, title = error.code or 500, error.name
    if status == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound())  # the same text for an unknown route and an unknown object
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status=status, headers=error.get_headers())  # a redirect
    response = problem(status, title.lower().replace(" ", "-"), title, detail=error.description or title)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _answer_no_database(error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__, because=_connection_words(error))
    return problem_response(unavailable(error))


def _answer_missing_key(error: MissingKey) -> Response:
    log.error("encryption.key_missing", key=error.key)
    return problem_response(KeyMissing.of([error.key]))


def _answer_system(error: OSError) -> Response:
    if error.errno in _OUT_OF_SPACE:
        log.error("disk.full", file=error.filename)
        return problem_response(storage_full())
    return _answer_unexpected(error)


def _answer_database(error: DBAPIError | psycopg.Error) -> Response:
    if is_unavailable(error):
        return _answer_no_database(error)
    if _sqlstate(error) in _CONCURRENCY:
        return problem_response(Conflict("Another call is changing the same data. Try again."))
    return _answer_unexpected(error)


def _connection_words(error: Exception) -> str | None:
    """Return why there is no connection, in the server's words. Errors of a session may quote rows: None."""
    driver = getattr(error, "orig", error)
    if not isinstance(driver, psycopg.Error) or driver.sqlstate is not None:
        return None
    return (str(driver).strip().splitlines() or [""])[0]


def _sqlstate(error: Exception) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def _answer_unexpected(error: Exception) -> Response:
    """Log the error with the request id. The response has only that id, so that it reveals no internals."""
    log.error("request_crashed", exc_info=error)
    detail = "An unexpected error occurred. Report the request_id to support."
    return problem(500, "internal-server-error", InternalServerError().name, detail=detail)
