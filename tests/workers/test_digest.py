"""Daily digest e-mail to admins."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.mail import SEND
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from tests.support.smtp import DROP, SmtpServer
from workers.sweeps.run import sweep


def digests(practice: Practice) -> list[Any]:
    return practice.rows("notifications", template="daily-digest")


def fail(practice: Practice, number: int = 1, state: str = "failed") -> None:
    practice.fill(number, Kind.CREATE_TASK, due_at=now(), state=state, finished_at=now())


def test_admin_gets_one_digest_per_day(practice: Practice, watch: Watch):
    fail(practice, 2)
    fail(practice, state="unknown")
    watch.advance(minutes=61)
    for _ in range(30):
        sweep("send_digests")
        sweep("send_digests")
        watch.advance(minutes=15)

    [digest] = digests(practice)
    assert (digest.user_id, digest.channel) == (practice.people[Role.CLINIC_ADMIN], "email")
    assert "Failed steps of the last seven days: 2." in digest.body
    assert "Messages and calls that may have arrived: 1." in digest.body
    assert len(practice.steps(kind="deliver_to_user")) == 1
    watch.set(at("2026-03-11 06:59"))
    assert sweep("send_digests") == 0
    watch.set(at("2026-03-11 07:00"))
    assert sweep("send_digests") == 1


def test_nothing_is_sent_before_an_hour_is_over(practice: Practice, watch: Watch):
    fail(practice)
    watch.advance(minutes=59)
    sweep("send_digests")
    assert digests(practice) == []
    watch.advance(minutes=2)
    sweep("send_digests")
    assert len(digests(practice)) == 1


def test_clinic_without_waiting_work_gets_no_digest(
    practice: Practice, open_practice: Callable[..., Practice], watch: Watch
):
    other = open_practice()
    fail(other)
    watch.advance(hours=2)
    sweep("send_digests")
    assert (digests(practice), len(digests(other))) == ([], 1)


def test_each_admin_gets_one(practice: Practice, watch: Watch):
    sql("UPDATE users SET role = 'clinic_admin' WHERE id = :id", id=practice.people[Role.MANAGER])
    fail(practice)
    watch.advance(hours=2)
    sweep("send_digests")
    admins = {practice.people[Role.CLINIC_ADMIN], practice.people[Role.MANAGER]}
    assert {digest.user_id for digest in digests(practice)} == admins
    assert len(digests(practice)) == 2


def test_two_hosts_send_one_digest(practice: Practice, watch: Watch):
    fail(practice)
    watch.advance(hours=2)
    hosts = [Thread(target=sweep, args=["send_digests"]) for _ in range(4)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join()
    assert len(digests(practice)) == 1


def test_old_failures_are_no_longer_reported(practice: Practice, watch: Watch):
    fail(practice)
    watch.set(TUESDAY + timedelta(days=8))
    assert sweep("send_digests") == 0


def test_paused_rule_is_reported(practice: Practice, watch: Watch):
    practice.change_rule("speed-to-lead", active=False, paused_because="Too many bounces", updated_at=now())
    watch.advance(hours=2)
    sweep("send_digests")
    [digest] = digests(practice)
    assert "Paused rules and sequences: 1." in digest.body


@pytest.mark.parametrize("resolved", [True, False])
def test_message_in_doubt_is_reported_until_it_is_resolved(
    practice: Practice, smtp: SmtpServer, watch: Watch, resolved: bool
):
    smtp.on("dot", DROP)
    practice.fail_to_reach(practice.capture())
    practice.run(Kind.SEND_MESSAGE)
    practice.run(SEND)
    if resolved:
        sql("UPDATE steps SET state = 'skipped' WHERE state = 'unknown'")
    watch.advance(hours=2)
    assert sweep("send_digests") == (0 if resolved else 1)
