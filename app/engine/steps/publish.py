"""Publish wake-up messages after the commit, in a background thread.

One thread per process collects the committed steps, groups those of one clinic, kind, name and due time into one
message, and sends the messages of clinics in turn. A slow or unavailable broker delays no request: the rows are the
outbox, and the sweep publishes unsent steps.
"""

import atexit
import os
import queue
import threading
import time
from collections import Counter, defaultdict
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

GROUPING_WINDOW = timedelta(milliseconds=20)  # due times this close share a message
SEND_INTERVAL = 0.02  # seconds between two rounds: under load many commits share a message
MAX_WAITING = 100_000  # wake-ups held while the broker does not answer; the sweep publishes the rest
OUTBOX = "outbox"  # key in `session.info`
CLINIC = "clinic_id"  # header of each message: the clinic of its steps

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WakeUp:
    """The fields of a step that its wake-up message needs."""

    id: UUID
    kind: str
    name: str
    due_at: datetime
    clinic_id: UUID


def after_commit(session: Session, wake_ups: Iterable[WakeUp]) -> None:
    """Publish these once the session's transaction has committed. A rollback discards them."""
    session.info.setdefault(OUTBOX, []).extend(wake_ups)


@event.listens_for(Session, "after_commit")
def _hand_over(session: Session) -> None:
    if session.in_nested_transaction():
        return  # only a savepoint was released; the commit is still to come
    if wake_ups := session.info.pop(OUTBOX, None):
        publisher().hand_over(wake_ups)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():  # a message for a rolled-back step finds no row and is harmless
        session.info.pop(OUTBOX, None)


def flush(timeout: float = 2.0) -> None:
    """Wait up to `timeout` seconds until all queued wake-ups are sent or given up. Call it before a process exits."""
    publisher().flush(timeout)


@lru_cache(maxsize=1)
def _publisher_of(_pid: int) -> "Publisher":
    publisher = Publisher()
    atexit.register(publisher.flush, 2.0)
    return publisher


def publisher() -> "Publisher":
    """Return this process's publisher. A forked child gets its own."""
    return _publisher_of(os.getpid())


class Publisher:
    """A thread that sends messages. It starts with the first message."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[list[WakeUp]] = queue.Queue(maxsize=MAX_WAITING // 100)
        self._start = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def hand_over(self, wake_ups: list[WakeUp]) -> None:
        """Queue these wake-ups. Never raises and never blocks."""
        try:
            self._waiting.put_nowait(wake_ups)
        except queue.Full:
            log.warning("publish.left_to_sweep", steps=len(wake_ups), because="queue is full")
        if self._thread is None:
            self._start_thread()

    def flush(self, timeout: float) -> None:
        """Send all queued wake-ups now, and wait until they are sent or `timeout` seconds have passed."""
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
            self._hurry.wait(max(0.0, last_round + SEND_INTERVAL - time.monotonic()))
            while not self._waiting.empty():
                taken.append(self._waiting.get())
            last_round = time.monotonic()
            try:
                send([wake_up for wake_ups in taken for wake_up in wake_ups])
            except Exception as error:  # noqa: BLE001  (the rows are safe, whatever the broker raises)
                log.warning("publish.left_to_sweep", steps=sum(map(len, taken)), because=str(error))
            for _ in taken:
                self._waiting.task_done()


def send(wake_ups: Iterable[WakeUp]) -> int:
    """Send the messages of these steps now and return how many. Broker errors propagate."""
    now = clock.now()
    sent = 0
    with broker.celery.producer_pool.acquire(block=True, timeout=5) as producer:
        for steps in _in_turns(_messages(wake_ups)):
            first, due_at = steps[0], max(step.due_at for step in steps)
            broker.celery.send_task(
                broker.task_name(first.kind),
                args=[[str(step.id) for step in steps]],
                eta=due_at if due_at > now else None,
                shadow=first.name,
                queue=STEP_KINDS[first.kind].queue,
                producer=producer,
                headers={"sent_at": now.timestamp(), CLINIC: str(first.clinic_id)},
                ignore_result=True,
            )
            sent += 1
    return sent


def _messages(wake_ups: Iterable[WakeUp]) -> Iterator[list[WakeUp]]:
    """Yield the steps of each message: of one clinic, kind and name, due at about the same time."""
    for group in _by_moment(wake_ups).values():
        size = min(get_settings().batch_size, STEP_KINDS[group[0].kind].per_message)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _by_moment(wake_ups: Iterable[WakeUp]) -> dict[tuple[UUID, str, str, int], list[WakeUp]]:
    groups: dict[tuple[UUID, str, str, int], list[WakeUp]] = defaultdict(list)
    now = clock.now()
    for wake_up in wake_ups:
        moment = 0 if wake_up.due_at <= now else int(wake_up.due_at.timestamp() / GROUPING_WINDOW.total_seconds())
        groups[wake_up.clinic_id, wake_up.kind, wake_up.name, moment].append(wake_up)
    return groups


def _in_turns(messages: Iterable[list[WakeUp]]) -> list[list[WakeUp]]:
    """Return the messages with those of different clinics in turn. The order within a clinic stays."""
    earlier: Counter[UUID] = Counter()
    turns: list[tuple[int, list[WakeUp]]] = []
    for steps in messages:
        turns.append((earlier[steps[0].clinic_id], steps))
        earlier[steps[0].clinic_id] += 1
    return [steps for _, steps in sorted(turns, key=lambda turn: turn[0])]
