"""Celery application for workers and beat: `celery -A workers.app worker`. One task for each step kind and sweep."""

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

import structlog
from celery import Task
from celery.platforms import SecurityWarning
from celery.signals import worker_init, worker_process_init
from sqlalchemy.exc import OperationalError, StatementError

from app import wiring
from app.config import Environment, get_settings
from app.core.calendar.calendar import HolidayCalendar
from app.core.database.session import require_safe_session
from app.core.db import dispose, engine
from app.engine.broker import celery, task_name
from app.engine.step_kind import ACCOUNTS, BULK, STEP_KINDS, WEBHOOKS
from app.engine.steps.publish import CLINIC
from app.security.key_verification import require_valid_keys
from beat_schedule import SCHEDULE
from workers import key_report as _key_report  # noqa: F401  (registers the command)
from workers import parent_death, runner
from workers.error_text import describe_error
from workers.heartbeat import WorkerHeartbeat
from workers.prefetch import FixedPrefetch
from workers.reconnect import PUBLISH_LOST, AskForLostMessages
from workers.start_checks import check_in_fork
from workers.sweeps import lost_messages
from workers.sweeps import run as sweeps

# Nodes whose first work may wait 30 ms for a connection. An idle one takes 7 MB of a child and of PostgreSQL.
CONNECT_LATER = frozenset({ACCOUNTS, BULK, WEBHOOKS})

log = structlog.get_logger()

wiring.connect()
parent_death.use_ctypes()
warnings.filterwarnings("ignore", category=SecurityWarning)  # nine lines a worker; `_report_root` logs one

app = celery
app.conf.beat_schedule = SCHEDULE
app.steps["consumer"].update((WorkerHeartbeat, AskForLostMessages, FixedPrefetch))


@worker_process_init.connect
def _begin(sender: str | None = None, **_: object) -> None:
    dispose()  # a child must not use the parent's sockets
    if str(sender).partition("@")[0] not in CONNECT_LATER:
        with suppress(OperationalError):  # open a connection before the first step
            engine().connect().close()


@worker_init.connect
def _check_session_and_keys(**_: object) -> None:
    check_in_fork(_require_session_and_keys)


def _require_session_and_keys() -> None:
    require_safe_session(engine())
    require_valid_keys()
    engine().dispose()  # where there was no fork: the main process needs no connection


@worker_init.connect
def _report_root(**_: object) -> None:
    """Warn in production, where a user of its own belongs to each service. A demo in a container runs as root."""
    if os.geteuid() == 0 and get_settings().relance_env is Environment.PRODUCTION:
        log.warning("worker.runs_as_root")


@worker_init.connect
def _share_memory(**_: object) -> None:
    HolidayCalendar("US")  # load the holidays library once, before the children are forked
    gc.freeze()  # a garbage collection in a child would copy the parent's pages: 15 MB instead of 68


class TaskAborted(Exception):
    """A task ended with a database error."""


@contextmanager
def _hide_row_values() -> Iterator[None]:
    """Replace database errors, which quote rows, before Celery passes them to logs, the broker and Flower."""
    try:
        yield
    except StatementError as error:
        log.exception("task.cut_short")
        raise TaskAborted(describe_error(error)) from None


def _step_task(kind: str) -> Task:
    @_hide_row_values()
    def run(task: Task, ids: list[str]) -> None:
        steps = [UUID(step_id) for step_id in ids]
        if (task.request.delivery_info or {}).get("redelivered"):
            runner.run_again(kind, steps)
        else:
            queue = STEP_KINDS[kind].queue
            runner.run(kind, steps, clinic_id=_clinic_of(task), among=STEP_KINDS.of_queue(queue))

    return app.task(name=task_name(kind), bind=True)(run)


def _clinic_of(task: Task) -> UUID | None:
    """Return the clinic of a message's steps. Messages of older versions do not have it."""
    clinic = (task.request.headers or {}).get(CLINIC)
    return UUID(clinic) if clinic else None


def _sweep_task(name: str) -> Task:
    @_hide_row_values()
    def run() -> None:
        sweeps.sweep(name)

    return app.task(name=f"sweeps.{name}")(run)


STEP_TASKS = {kind: _step_task(kind) for kind in STEP_KINDS}
SWEEP_TASKS = {name: _sweep_task(name) for name in sweeps.SWEEPS}


@app.task(name=PUBLISH_LOST)
@_hide_row_values()
def _publish_lost(connected_at: str) -> None:
    lost_messages.publish_lost(datetime.fromisoformat(connected_at))
