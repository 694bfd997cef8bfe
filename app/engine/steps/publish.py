"""Messages that wake workers, sent after the commit and never in its way.

One thread per process takes what was committed, puts steps of one kind, name and moment into one message, and
sends it. A broker that is slow or away delays nobody: what could not be sent is left to the sweep, for the rows
are the outbox.
"""

import atexit
import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.engine import broker
from app.engine.step_kind import STEP_KINDS

MOMENT = timedelta(milliseconds=20)  # due times this close share a message
PAUSE = 0.02  # seconds between two rounds of sending: under load many commits share a message
MOST_WAITING = 100_000  # wake-ups kept for a broker that does not answer; the sweep has the rest
OUTBOX = "outbox"  # the key under which a session keeps what it will publish

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What a worker has to be told of one step."""

    id: UUID
    kind: str
    name: str
    due_at: datetime


def after_commit(session: Session, wake_ups: Iterable[WakeUp]) -> None:
    """Publish these once the session's transaction has committed; if it does not, they never were."""
    session.info.setdefault(OUTBOX, []).extend(wake_ups)


@event.listens_for(Session, "after_commit")
def _hand_over(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: the commit that counts is still to come
    if wake_ups := session.info.pop(OUTBOX, None):
        publisher().hand_over(wake_ups)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():  # a message for a step that was undone finds nothing, and does no harm
        session.info.pop(OUTBOX, None)


def settle(timeout: float = 2.0) -> None:
    """Wait until what was handed over has been sent (or given up): before a process says it is finished."""
    publisher().settle(timeout)


@lru_cache(maxsize=1)
def _publisher_of(_pid: int) -> "Publisher":
    publisher = Publisher()
    atexit.register(publisher.settle, 2.0)
    return publisher


def publisher() -> "Publisher":
    """This process's publisher; a forked child gets one of its own."""
    return _publisher_of(os.getpid())


class Publisher:
    """A thread that sends messages. It starts with the first one."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[list[WakeUp]] = queue.Queue(maxsize=MOST_WAITING // 100)
        self._start = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def hand_over(self, wake_ups: list[WakeUp]) -> None:
        """Take these, at once. Never raises, never waits."""
        try:
            self._waiting.put_nowait(wake_ups)
        except queue.Full:
            log.warning("publish.left_to_sweep", steps=len(wake_ups), because="too many are waiting")
        if self._thread is None:
            self._start_thread()

    def settle(self, timeout: float) -> None:
        """Have everything that was handed over sent at once, and wait until it is, or the time is over."""
        self._hurry.set()
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, timeout)
        self._hurry.clear()

    def _start_thread(self) -> None:
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        last_round = 0.0
        while True:
            taken = [self._waiting.get()]
            self._hurry.wait(max(0.0, last_round + PAUSE - time.monotonic()))
            while not self._waiting.empty():
                taken.append(self._waiting.get())
            last_round = time.monotonic()
            try:
                send([wake_up for wake_ups in taken for wake_up in wake_ups])
            except Exception as error:  # noqa: BLE001  (whatever the broker says, the rows are safe)
                log.warning("publish.left_to_sweep", steps=sum(map(len, taken)), because=str(error))
            for _ in taken:
                self._waiting.task_done()


def send(wake_ups: Iterable[WakeUp]) -> int:
    """Send the messages of these steps now; returns how many. Raises what the broker raises."""
    now = clock.now()
    sent = 0
    with broker.celery.producer_pool.acquire(block=True, timeout=5) as producer:
        for (kind, name, _), group in _by_moment(wake_ups).items():
            for ids, due_at in _messages(group):
                broker.celery.send_task(
                    broker.task_name(kind),
                    args=[ids],
                    eta=due_at if due_at > now else None,
                    shadow=name,
                    queue=STEP_KINDS[kind].queue,
                    producer=producer,
                    headers={"sent_at": now.timestamp()},
                    ignore_result=True,
                )
                sent += 1
    return sent


def _by_moment(wake_ups: Iterable[WakeUp]) -> dict[tuple[str, str, int], list[WakeUp]]:
    groups: dict[tuple[str, str, int], list[WakeUp]] = defaultdict(list)
    now = clock.now()
    for wake_up in wake_ups:
        moment = 0 if wake_up.due_at <= now else int(wake_up.due_at.timestamp() / MOMENT.total_seconds())
        groups[wake_up.kind, wake_up.name, moment].append(wake_up)
    return groups


def _messages(group: list[WakeUp]) -> Iterator[tuple[list[str], datetime]]:
    """The ids of each message, and the moment at which all of them are due."""
    size = min(get_settings().batch_size, STEP_KINDS[group[0].kind].per_message)
    for start in range(0, len(group), size):
        part = group[start : start + size]
        yield [str(wake_up.id) for wake_up in part], max(wake_up.due_at for wake_up in part)
