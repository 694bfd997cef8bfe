"""The workers' entry: `celery -A workers.app worker`, and beat's. One Celery task for each step kind and sweep."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog
from celery import Task
from celery.signals import worker_init, worker_process_init
from sqlalchemy.exc import OperationalError, StatementError

from app import wiring
from app.core.calendar.calendar import HolidayCalendar
from app.core.db import dispose, engine
from app.engine.broker import celery, task_name
from app.engine.step_kind import STEP_KINDS
from app.security.key_verification import require_valid_keys
from beat_schedule import SCHEDULE
from workers import runner
from workers.error_text import words
from workers.sweeps import run as sweeps

log = structlog.get_logger()

wiring.connect()

app = celery
app.conf.beat_schedule = SCHEDULE


@worker_process_init.connect
def _begin(**_: object) -> None:
    dispose()  # the parent's sockets are not this child's
    with suppress(OperationalError):  # the first step should not wait for a connection
        engine().connect().close()


@worker_init.connect
def _check_keys(**_: object) -> None:
    require_valid_keys()
    engine().dispose()  # the parent, which only forks, needs no connection


@worker_init.connect
def _share_memory(**_: object) -> None:
    HolidayCalendar("US")  # its library loads country by country: once, before the children are forked
    gc.freeze()  # a child that looked for garbage in what it has from its parent would copy all of it: 15 MB, not 68


class CutShort(Exception):
    """A task ended in an error of the database's."""


@contextmanager
def _quoting_no_rows() -> Iterator[None]:
    """What a task raises is told to logs, to the broker and to Flower; the database's own words quote rows."""
    try:
        yield
    except StatementError as error:
        log.exception("task.cut_short")
        raise CutShort(words(error)) from None


def _step_task(kind: str) -> Task:
    @_quoting_no_rows()
    def run(task: Task, ids: list[str]) -> None:
        steps = [UUID(step_id) for step_id in ids]
        if (task.request.delivery_info or {}).get("redelivered"):
            runner.run_again(kind, steps)
        else:
            runner.run(kind, steps)

    return app.task(name=task_name(kind), bind=True)(run)


def _sweep_task(name: str) -> Task:
    @_quoting_no_rows()
    def run() -> None:
        sweeps.sweep(name)

    return app.task(name=f"sweeps.{name}")(run)


STEP_TASKS = {kind: _step_task(kind) for kind in STEP_KINDS}
SWEEP_TASKS = {name: _sweep_task(name) for name in sweeps.SWEEPS}
