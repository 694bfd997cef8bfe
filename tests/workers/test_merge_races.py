"""Merges that race with workers: no step is lost, none runs for a merged lead, no message is sent twice."""

from collections import Counter
from collections.abc import Callable
from threading import Thread
from uuid import UUID

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.leads.duplicates.merge import merge
from app.ops.embedded import Postgres
from tests.support.concurrency import run_concurrently
from tests.support.practice import Practice, sql
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer


@pytest.fixture
def pairs(practice: Practice, smtp: SmtpServer) -> list[tuple[UUID, UUID]]:
    """Pairs of a lead without contact and its duplicate with a planned break-up e-mail."""
    made = [(practice.capture(), practice.capture()) for _ in range(10)]
    for _, duplicate in made:
        practice.fail_to_reach(duplicate)
    return made


def merge_them(practice: Practice, survivor: UUID, duplicate: UUID) -> None:
    with transaction() as session:
        merge(session, practice.actor(), survivor, duplicate_id=duplicate)


def test_merge_racing_with_workers_keeps_steps_consistent(
    practice: Practice, pairs: list[tuple[UUID, UUID]], smtp: SmtpServer
):
    addresses = {practice.row("leads", id=duplicate).email for _, duplicate in pairs}
    own = {practice.row("leads", id=survivor).email for survivor, _ in pairs}

    def merge_all() -> None:
        for pair in pairs:
            merge_them(practice, *pair)

    def work() -> None:
        for _ in range(12):
            practice.run(Kind.SEND_MESSAGE)
            practice.run(Kind.DELIVER)

    run_concurrently(merge_all, work, work)
    work()

    told = Counter(mail.recipient for mail in smtp.received)
    assert told.keys() <= addresses | own
    assert sum(told.values()) == len(pairs)
    gone = [duplicate for _, duplicate in pairs]
    for table in ("steps", "notifications", "lead_tasks", "lead_activities", "lead_touches"):
        assert sql(f"SELECT id FROM {table} WHERE lead_id = ANY(:gone)", gone=gone) == [], table
    assert not [step for step in practice.steps() if step.reason == "lead_gone"]


def begin(act: Callable[..., object], *given: object) -> Thread:
    thread = Thread(target=act, args=given)
    thread.start()
    return thread


def waiting(number: int) -> bool:
    [found] = sql(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'relance_web'"
    )
    return bool(found.n == number)


def test_message_written_for_the_duplicate_moves_to_the_survivor(
    practice: Practice, smtp: SmtpServer, postgres: Postgres
):
    survivor, duplicate = practice.capture(), practice.capture()
    practice.fail_to_reach(duplicate)
    with postgres.connect("relance") as other:
        other.autocommit = False
        other.execute("LOCK TABLE notifications IN SHARE MODE")
        working = begin(practice.run, Kind.SEND_MESSAGE)
        wait_until(lambda: waiting(1), 60, "the worker to have the batch")
        merging = begin(merge_them, practice, survivor, duplicate)
        wait_until(lambda: waiting(2), 60, "the merge to want the lead")
        other.rollback()
    working.join()
    merging.join()
    assert {note.lead_id for note in practice.rows("notifications")} == {survivor}
    practice.run(Kind.DELIVER)
    assert len(smtp.received) == 1
