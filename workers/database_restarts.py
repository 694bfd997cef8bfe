"""Retries while the database is unavailable."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError

from app.core.db import engine
from workers.error_text import describe_error

LOCK_NOT_AVAILABLE = "55P03"
RETRY_PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds between tries while the database is unavailable

Made = TypeVar("Made")

log = structlog.get_logger()


def retry_on_database_restart(action: Callable[[], Made], **log_fields: object) -> Made:
    """Retry the action while the database restarts, so that no answer is lost and no step waits for a sweep."""
    for pause in RETRY_PAUSES:
        try:
            return action()
        except OperationalError as error:
            if not is_transient(error):
                raise
            log.warning("database.away", **log_fields, because=describe_error(error), again_in=pause)
            time.sleep(pause)
            engine().dispose()  # after a restart all pooled connections are dead
    return action()


def is_transient(error: Exception) -> bool:
    """Whether the database caused the error and not the step: unavailable, restarting, or a lock."""
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {"", "08", "40", "53"} or state[:3] == "57P" or state == LOCK_NOT_AVAILABLE
