"""Publish wake-up messages after the commit, in a background thread.

One thread per process collects the committed steps, groups those of one clinic, kind, name and moment into one
message, and sends the messages of clinics in turn. A slow or unavailable broker delays no request: the rows are the
outbox, and the sweep publishes unsent steps.
"""

import atexit
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.background_queue import ROUND_INTERVAL, BackgroundQueue
from app.engine import broker
from app.engine.step_kind import STEP_KINDS

GROUPING_WINDOW = timedelta(milliseconds=20)  # due times this close share a message, if there are many
MANY = 4  # fewer steps of a moment get a message for each due time, so that none waits for a later one
MAX_WAITING = 100_000  # wake-ups held while the broker does not answer; the sweep publishes the rest
MAX_PUBLISHED_AT_ONCE = 1000  # steps published per transaction; the sweep publishes the rest
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


def horizon(now: datetime) -> datetime:
    """Return the end of the publishing horizon. A step due before it is published at once."""
    return now + timedelta(seconds=get_settings().horizon_seconds)


def wake_ups_of(rows: Iterable[Any]) -> list[WakeUp]:
    """Return the wake-ups of published rows."""
    return [WakeUp(row.id, row.kind, row.name, row.due_at, row.clinic_id) for row in rows]


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


class Publisher(BackgroundQueue[list[WakeUp]]):
    """A thread that sends messages."""

    def __init__(self) -> None:
        super().__init__("publisher", most=MAX_WAITING // 100)

    def _handle(self, items: Sequence[list[WakeUp]]) -> float:
        try:
            send([wake_up for wake_ups in items for wake_up in wake_ups])
        except Exception as error:  # noqa: BLE001  (the rows are safe, whatever the broker raises)
            log.warning("publish.left_to_sweep", steps=sum(map(len, items)), because=str(error))
        return ROUND_INTERVAL

    def _refuse(self, item: list[WakeUp]) -> None:
        log.warning("publish.left_to_sweep", steps=len(item), because="queue is full")


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
    for group in _by_moment(wake_ups):
        size = min(get_settings().batch_size, STEP_KINDS[group[0].kind].per_message)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _by_moment(wake_ups: Iterable[WakeUp]) -> Iterator[list[WakeUp]]:
    """Yield the steps of each moment, by clinic, kind and name. All due steps are of one moment."""
    groups: dict[tuple[UUID, str, str, int], list[WakeUp]] = defaultdict(list)
    now = clock.now()
    for wake_up in wake_ups:
        moment = 0 if wake_up.due_at <= now else int(wake_up.due_at.timestamp() / GROUPING_WINDOW.total_seconds())
        groups[wake_up.clinic_id, wake_up.kind, wake_up.name, moment].append(wake_up)
    for (*_, moment), group in groups.items():
        yield from _by_due_time(group) if moment and len(group) < MANY else [group]


def _by_due_time(wake_ups: Iterable[WakeUp]) -> Iterable[list[WakeUp]]:
    groups: dict[datetime, list[WakeUp]] = defaultdict(list)
    for wake_up in wake_ups:
        groups[wake_up.due_at].append(wake_up)
    return groups.values()


def _in_turns(messages: Iterable[list[WakeUp]]) -> list[list[WakeUp]]:
    """Return the messages with those of different clinics in turn. The order within a clinic stays."""
    earlier: Counter[UUID] = Counter()
    turns: list[tuple[int, list[WakeUp]]] = []
    for steps in messages:
        turns.append((earlier[steps[0].clinic_id], steps))
        earlier[steps[0].clinic_id] += 1
    return [steps for _, steps in sorted(turns, key=lambda turn: turn[0])]
