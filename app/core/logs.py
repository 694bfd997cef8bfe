"""Structured logs: one event a line, with the request it belongs to, and no secret or person in it."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict, Processor, WrappedLogger

from app.config import get_settings
from app.core.db import new_id

SHOWN_INSTEAD: Final = "[hidden]"

# Names under which somebody might one day log what nobody should read there.
HIDDEN: Final = frozenset({
    "authorization", "cookie", "password", "password_hash", "secret", "secret_key", "secret_hash", "token",
    "access_token", "refresh_token", "credentials", "phone", "phone_alt", "email", "recipient", "first_name",
    "last_name", "patient_first_name", "patient_last_name", "patient_dob", "dob", "insurance_member_id",
    "address_line1", "address_line2", "notes", "body", "subject",
})  # fmt: skip

_current_request: ContextVar[str | None] = ContextVar("relance_request", default=None)
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")  # by other errors: what they choked on
_SPEAKS_OF_CODE: Final = (AttributeError, ImportError, NameError, TypeError)  # these quote names
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)


def configure() -> None:
    """Let this process's own events and those of its libraries come out alike, on stderr."""
    settings = get_settings()
    renderer = _renderer(settings.log_format)
    structlog.configure(
        processors=[*_CONTEXT, *_COMMON, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    _adopt_libraries(settings.log_level.upper(), renderer)


def begin_request(offered: str | None = None) -> str:
    """Name what follows in this thread by the caller's own id when it is well-formed, else by a new one."""
    chosen = offered if offered and _REQUEST_ID.fullmatch(offered) else new_id().hex
    _current_request.set(chosen)
    return chosen


def request_id() -> str | None:
    """The id of the request being served, or of the one that caused the step being run."""
    return _current_request.get()


def hide(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what must not be read, also one level down."""
    for name in event.keys() & HIDDEN:
        event[name] = SHOWN_INSTEAD
    for name, value in event.items():
        if type(value) is dict and value.keys() & HIDDEN:
            event[name] = {key: SHOWN_INSTEAD if key in HIDDEN else below for key, below in value.items()}
    return event


def name_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Which request it belongs to."""
    current = _current_request.get()
    if current is not None:
        event["request_id"] = current
    return event


def tell_crash(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Where it crashed and why. A database's message quotes rows, so of its errors only the kind is told."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["crash"] = "".join(_lines_of(error))
    return event


_FIRST: Final = ("timestamp", "level", "event")  # for the eye; the rest follows as it was said
_CONTEXT: Final[list[Processor]] = [structlog.contextvars.merge_contextvars, name_request]
_COMMON: Final[list[Processor]] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    tell_crash,
    hide,
]


class _Stderr:
    """Writes to whatever stderr is at the time."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


class _Libraries(logging.Handler):
    """What libraries say through the standard library's logging, to the same place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001  (a line that cannot be written must not stop the work it tells of)
            self.handleError(record)


def _renderer(form: str) -> Processor:
    if form == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
    return lambda _, __, event: encode({name: event.pop(name) for name in _FIRST if name in event} | dict(event))


def _adopt_libraries(level: str, renderer: Processor) -> None:
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
    for earlier in [handler for handler in root.handlers if isinstance(handler, _Libraries)]:
        root.removeHandler(earlier)
    handler = _Libraries()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    for chatty in ("werkzeug", "urllib3", "httpcore", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def _lines_of(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _lines_of(cause)
        yield "then\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}: {_words_of(error)}\n"


def _words_of(error: BaseException) -> str:
    if isinstance(error, DBAPIError) or hasattr(error, "sqlstate"):
        return f"sqlstate {getattr(getattr(error, 'orig', error), 'sqlstate', None)}"
    if isinstance(error, _SPEAKS_OF_CODE):
        return str(error)
    return _QUOTED.sub("'…'", str(error))
