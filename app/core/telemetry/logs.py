"""Structured logs: one event per line, with its request id, without secrets or personal data."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict, Processor, WrappedLogger

from app.config import get_settings
from app.core.db import new_id
from app.core.telemetry import traces

REDACTED: Final = "[hidden]"

# Keys whose values must never appear in a log, besides those that `hide` adds.
_HIDDEN: Final = {
    "authorization", "cookie", "password", "password_hash", "secret", "secret_key", "secret_hash", "client_secret",
    "token", "access_token", "refresh_token", "credentials", "recipient", "dob", "body", "subject",
}  # fmt: skip

_current_request: ContextVar[str | None] = ContextVar("relance_request", default=None)
_current_step: ContextVar[str | None] = ContextVar("relance_step_trace", default=None)  # id of the trace
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")  # other errors quote the input that caused them
_CODE_ERRORS: Final = (AttributeError, ImportError, NameError, TypeError)  # these quote names of the code
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)


def configure() -> None:
    """Write the events of this process and of its libraries to stderr, in the same format."""
    settings = get_settings()
    renderer = _renderer(settings.log_format)
    structlog.configure(
        processors=[*_CONTEXT, *_COMMON, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    _capture_libraries(settings.log_level.upper(), renderer)


def hide(keys: Iterable[str]) -> None:
    """Never log the values of these keys."""
    _HIDDEN.update(keys)


def hidden_keys() -> frozenset[str]:
    """Return the keys whose values are never logged."""
    return frozenset(_HIDDEN)


def begin_request(given: str | None = None) -> str:
    """Set the request id of this context: the caller's own if it is well-formed, else a new one. Returns it."""
    chosen = given if given and _REQUEST_ID.fullmatch(given) else new_id().hex
    _current_request.set(chosen)
    return chosen


@contextmanager
def of_request(given: str | None, *, step_id: UUID | None = None) -> Iterator[None]:
    """Log the lines of this context with the id of the request that caused the work, and of the step's trace."""
    before = _current_request.set(given)
    step_before = _current_step.set(traces.step_trace_id(step_id) if step_id else None)
    try:
        yield
    finally:
        _current_request.reset(before)
        _current_step.reset(step_before)


def request_id() -> str | None:
    """Return the id of the current request, or of the request that caused the current step."""
    return _current_request.get()


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace the values of hidden keys, also one level down."""
    for name in event.keys() & _HIDDEN:
        event[name] = REDACTED
    for name, value in event.items():
        if type(value) is dict and value.keys() & _HIDDEN:
            event[name] = {key: REDACTED if key in _HIDDEN else below for key, below in value.items()}
    return event


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the request id and, if traces are on, the id of the trace."""
    current = _current_request.get()
    if current is not None:
        event["request_id"] = current
    if trace := _current_step.get() or traces.request_trace_id():
        event["trace_id"] = trace
    return event


def add_crash(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the traceback as `crash`. Of database errors only the SQLSTATE is logged, because messages quote rows."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["crash"] = "".join(_traceback_lines(error))
    return event


_FIRST: Final = ("timestamp", "level", "event")  # first for readability; the other keys keep their order
_CONTEXT: Final[list[Processor]] = [structlog.contextvars.merge_contextvars, add_request_id]
_COMMON: Final[list[Processor]] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_crash,
    redact,
]


class _Stderr:
    """A logger that writes to the current `sys.stderr`."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


class _LibraryHandler(logging.Handler):
    """A handler that writes the standard library's log records to the same stream."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001  (a log line that cannot be written must not stop the work)
            self.handleError(record)


def _renderer(form: str) -> Processor:
    if form == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
    return lambda _, __, event: encode({name: event.pop(name) for name in _FIRST if name in event} | dict(event))


def _capture_libraries(level: str, renderer: Processor) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_COMMON[2:], renderer],
        foreign_pre_chain=[
            *_CONTEXT,
            structlog.stdlib.add_logger_name,
            *_COMMON[:2],
        ],
    )
    root = logging.getLogger()
    root.setLevel(level)
    for earlier in [handler for handler in root.handlers if isinstance(handler, _LibraryHandler)]:
        root.removeHandler(earlier)
    handler = _LibraryHandler()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    for name in ("werkzeug", "urllib3", "httpcore", "kombu", "amqp"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _traceback_lines(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _traceback_lines(cause)
        yield "then\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}: {_message_of(error)}\n"


def _message_of(error: BaseException) -> str:
    if isinstance(error, DBAPIError) or hasattr(error, "sqlstate"):
        return f"sqlstate {getattr(getattr(error, 'orig', error), 'sqlstate', None)}"
    if isinstance(error, _CODE_ERRORS):
        return str(error)
    return _QUOTED.sub("'…'", str(error))
