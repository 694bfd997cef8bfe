"""Every answer that is no success is a problem (RFC 9457): same members, whatever went wrong."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from app.core.logs import request_id
from app.errors import Conflict, NotFound, RelanceError, Unauthenticated

CONTENT_TYPE = "application/problem+json"

# Classes of SQLSTATE: none at all (no connection), connection exceptions, no room, shutting down or starting.
_AWAY = frozenset({"", "08", "53", "57"})
_IN_EACH_OTHERS_WAY = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available

log = structlog.get_logger()


class Unavailable(RelanceError):
    """The database cannot be reached just now; try again shortly."""

    status = 503
    retry_after = 5


class Malformed(RelanceError):
    """The body is not well-formed JSON."""

    status = 400


class UnsupportedMediaType(RelanceError):
    """The body must be JSON: send Content-Type: application/json."""

    status = 415


def register(app: Flask) -> None:
    """Let every error of this application end as a problem."""
    app.register_error_handler(RelanceError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(PoolTimeout, _answer_no_database)
    app.register_error_handler(DBAPIError, _answer_database)
    app.register_error_handler(Exception, _answer_surprise)


def is_away(error: DBAPIError | psycopg.Error) -> bool:
    """Whether the database could not be reached, or dropped the connection."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(driver, psycopg.OperationalError | psycopg.InterfaceError) and _sqlstate(error)[:2] in _AWAY


def answer(error: RelanceError) -> Response:
    """The problem of an error of ours."""
    response = _respond(described(error))
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="relance"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def described(error: RelanceError) -> dict[str, Any]:
    """The problem of an error of ours, to be shown by itself or as a part of an answer."""
    return _body(error.status, error.code(), error.title(), detail=str(error), **error.members())


def problem(status: int, code: str, title: str, *, detail: str, **more: Any) -> Response:
    """A problem's response. `code` is its stable name, `detail` its words for this occurrence."""
    return _respond(_body(status, code, title, detail=detail, **more))


def _respond(body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), status=body["status"], content_type=CONTENT_TYPE)


def _body(status: int, code: str, title: str, *, detail: str, **more: Any) -> dict[str, Any]:
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
        return answer(NotFound())  # no route, or no such thing: the same words
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status=status, headers=error.get_headers())  # a redirect
    response = problem(status, title.lower().replace(" ", "-"), title, detail=error.description or title)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _answer_no_database(error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return answer(Unavailable())


def _answer_database(error: DBAPIError) -> Response:
    if is_away(error):
        return _answer_no_database(error)
    if _sqlstate(error) in _IN_EACH_OTHERS_WAY:
        return answer(Conflict("Somebody else is changing the same thing; try again."))
    return _answer_surprise(error)


def _sqlstate(error: DBAPIError | psycopg.Error) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def _answer_surprise(error: Exception) -> Response:
    """Where it happened is in the log, under the request's id; the caller learns that id and nothing else."""
    log.error("request_crashed", exc_info=error)
    title = InternalServerError().name
    return problem(500, "internal-server-error", title, detail="Something went wrong on our side.")
