"""Daily digests of users and weekly summaries of admins: once per day, at the local hour, without what was read."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.notices import RULE, notify, prefer
from tests.support.practice import Practice, Watch, at, sql
from workers.sweeps.run import sweep

ESCALATES = RULE.replace("notify:", "escalate:").replace("to: coordinator", "title: Nobody called")


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice(playbook=RULE)


def digests(practice: Practice, template: str = "notice-digest") -> list[str]:
    return [row.body for row in practice.rows("notifications", template=template, channel="email")]


def reasons(practice: Practice) -> list[str | None]:
    return [row.reason for row in practice.rows("notifications", channel="email", template="hello")]


def run_digests(practice: Practice) -> None:
    practice.run(Kind.SEND_DIGEST, *practice.steps(kind=Kind.SEND_DIGEST))


def test_notices_wait_for_the_hour_of_the_user(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}}, digest_at="18:30")
    notify(practice, first_name="Mia")
    notify(practice, first_name="Ben")
    assert reasons(practice) == ["waits_for_digest", "waits_for_digest"]
    assert practice.steps(kind=Kind.DELIVER) == []

    assert (sweep("plan_digests"), sweep("plan_digests")) == (1, 0)
    assert practice.step(kind=Kind.SEND_DIGEST).due_at == at("2026-03-10 18:30")
    watch.set(at("2026-03-10 18:30"))
    run_digests(practice)

    [body] = digests(practice)
    assert body.index("New: Mia") < body.index("New: Ben")
    assert reasons(practice) == ["in_digest", "in_digest"]
    assert practice.step(kind=Kind.DELIVER_TO_USER).state == "published"


def test_digest_is_sent_once_by_two_workers(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    notify(practice)
    hosts = [Thread(target=sweep, args=["plan_digests"]) for _ in range(2)]
    _run(hosts)
    watch.set(at("2026-03-11 07:00"))
    _run([Thread(target=run_digests, args=[practice]) for _ in range(2)])
    _run([Thread(target=sweep, args=["plan_digests"]) for _ in range(2)])

    assert len(digests(practice)) == len(practice.steps(kind=Kind.SEND_DIGEST)) == 1


def _run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_read_notices_are_left_out(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    read, _ = notify(practice, first_name="Mia"), notify(practice, first_name="Ben")
    sweep("plan_digests")
    sql("UPDATE notifications SET read_at = now() WHERE channel = 'in_app' AND lead_id = :lead", lead=read)
    watch.set(at("2026-03-11 07:00"))
    run_digests(practice)

    [body] = digests(practice)
    assert "Ben" in body
    assert "Mia" not in body
    assert reasons(practice) == ["read_before_digest", "in_digest"]


def test_empty_digest_is_not_sent(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    notify(practice)
    sweep("plan_digests")
    sql("UPDATE notifications SET read_at = now() WHERE channel = 'in_app'")
    watch.set(at("2026-03-11 07:00"))
    run_digests(practice)

    assert digests(practice) == []
    assert practice.step(kind=Kind.SEND_DIGEST).reason == "nothing_new"


def test_late_digest_is_skipped_and_its_notices_wait_for_the_next(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    notify(practice)
    sweep("plan_digests")
    watch.set(at("2026-03-11 19:01"))
    run_digests(practice)
    assert practice.step(kind=Kind.SEND_DIGEST).reason == "too_late"

    sweep("plan_digests")
    watch.set(at("2026-03-12 07:00"))
    run_digests(practice)
    assert len(digests(practice)) == 1


def test_next_day_has_a_digest_of_its_own(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    for day in ("2026-03-11", "2026-03-12"):
        notify(practice)
        sweep("plan_digests")
        watch.set(at(f"{day} 07:00"))
        run_digests(practice)

    assert [body.count("New:") for body in digests(practice)] == [1, 1]


def test_digest_waits_for_an_hour_that_was_moved_back(practice: Practice, watch: Watch) -> None:
    prefer(practice, {"rule": {"email": "digest"}})
    notify(practice)
    sweep("plan_digests")
    prefer(practice, {}, digest_at="09:00")
    watch.set(at("2026-03-11 07:00"))
    run_digests(practice)
    assert (digests(practice), practice.step(kind=Kind.SEND_DIGEST).due_at) == ([], at("2026-03-11 09:00"))


@pytest.mark.parametrize(
    ("zone", "today", "digest_at", "due_at"),
    [
        (None, "2026-03-07 12:00", "07:00", "2026-03-08T11:00:00"),  # daylight time of New York begins: 07:00-04:00
        (None, "2026-10-31 12:00", "07:00", "2026-11-01T12:00:00"),  # and ends: 07:00-05:00
        (None, "2026-03-07 12:00", "02:30", "2026-03-08T07:00:00"),  # skipped: the end of the gap, 03:00-04:00
        ("Europe/Berlin", "2026-03-28 12:00", "07:00", "2026-03-29T05:00:00"),  # 07:00+02:00
        ("Asia/Tokyo", "2026-03-10 12:00", "07:00", "2026-03-10T22:00:00"),  # 12:00-04:00 is 01:00+09:00 on the 11th
    ],
)
def test_hour_is_local_also_after_a_clock_change(
    practice: Practice, watch: Watch, zone: str | None, today: str, digest_at: str, due_at: str
) -> None:
    watch.set(at(today))
    prefer(practice, {"rule": {"email": "digest"}}, digest_at=digest_at, timezone=zone)
    notify(practice)
    sweep("plan_digests")

    due = practice.step(kind=Kind.SEND_DIGEST).due_at
    assert due.astimezone(ZoneInfo("UTC")).isoformat().removesuffix("+00:00") == due_at


@pytest.mark.parametrize(
    ("first_day", "digest_at"),
    [
        ("2026-10-31", "01:30"),  # this hour comes twice on November 1
        ("2026-03-07", "02:30"),  # this one is skipped on March 8
    ],
)
def test_one_digest_a_day_has_each_notice_once_when_clocks_change(
    practice: Practice, watch: Watch, first_day: str, digest_at: str
) -> None:
    watch.set(at(f"{first_day} 18:10"))
    prefer(practice, {"rule": {"email": "digest"}}, digest_at=digest_at)
    for hour in range(34):
        if hour % 6 == 0:
            notify(practice, first_name=f"Lead{hour}x")
        for _ in range(2):  # of several hosts, or after a restart
            sweep("plan_digests")
            due = [step for step in practice.steps(kind=Kind.SEND_DIGEST) if step.due_at <= now()]
            practice.run(Kind.SEND_DIGEST, *due)
        watch.advance(hours=1)
    sent = practice.rows("notifications", template="notice-digest", channel="email")
    days = [row.created_at.astimezone(ZoneInfo("America/New_York")).date() for row in sent]
    assert len(days) == len({*days}) == 2
    named = [word for row in sent for word in row.body.split() if word.startswith("Lead")]
    assert len(named) == len({*named}) == sum(reason == "in_digest" for reason in reasons(practice)) == 6


def test_admin_gets_the_week_in_numbers_once(practice: Practice, watch: Watch) -> None:
    watch.set(at("2026-03-10 12:00"))
    notify(practice)
    practice.lose(notify(practice))
    watch.set(at("2026-03-16 06:50"))  # the next Monday
    assert (sweep("plan_weekly_summaries"), sweep("plan_weekly_summaries")) == (1, 0)
    watch.set(at("2026-03-16 07:00"))
    practice.fill(1, Kind.CREATE_TASK, due_at=now(), state="failed", finished_at=now() - timedelta(hours=2))
    run_digests(practice)
    sweep("plan_weekly_summaries")

    [body] = digests(practice, "weekly-summary")
    assert "New leads: 2. Converted: 0. Lost: 1." in body
    assert "Failed steps of the last seven days: 1." in body
    assert len(practice.steps(kind=Kind.SEND_DIGEST)) == 1
    [row] = practice.rows("notifications", template="weekly-summary")
    assert row.user_id == practice.people[Role.CLINIC_ADMIN]


def test_empty_week_is_not_sent(practice: Practice, watch: Watch) -> None:
    watch.set(at("2026-03-16 07:00"))
    sweep("plan_weekly_summaries")
    run_digests(practice)

    assert practice.step(kind=Kind.SEND_DIGEST).reason == "nothing_new"


def test_summaries_can_be_turned_off(practice: Practice, watch: Watch) -> None:
    off = {"weekly_summary": {"email": "off"}, "daily_summary": {"email": "off"}}
    prefer(practice, off, role=Role.CLINIC_ADMIN)
    notify(practice)
    practice.fill(1, Kind.CREATE_TASK, due_at=now(), state="failed", finished_at=now())
    watch.set(at("2026-03-16 07:00"))
    sweep("plan_weekly_summaries")
    sweep("send_digests")
    run_digests(practice)

    for template in ("weekly-summary", "daily-digest"):
        [row] = practice.rows("notifications", template=template)
        assert (row.state, row.reason) == ("suppressed", "turned_off")


def test_many_escalations_within_an_hour_are_three_mails_and_a_digest(
    open_practice: Callable[..., Practice], watch: Watch
) -> None:
    practice = open_practice(playbook=ESCALATES)
    for number in range(7):
        lead = practice.capture(first_name=f"Lead {number}")
        practice.run(Kind.ESCALATE, practice.step(lead, kind=Kind.ESCALATE))
    mails = practice.rows("notifications", channel="email", template="hello")
    assert [mail.reason for mail in mails if mail.state == "pending"] == [None] * 3
    assert [mail.reason for mail in mails if mail.state != "pending"] == ["waits_for_digest"] * 4
    assert len(practice.rows("notifications", channel="in_app", template="hello")) == 7
    assert len(practice.steps(kind=Kind.DELIVER)) == 3

    watch.advance(hours=1, seconds=1)
    lead = practice.capture()
    practice.run(Kind.ESCALATE, practice.step(lead, kind=Kind.ESCALATE))
    assert len(practice.steps(kind=Kind.DELIVER)) == 4
    assert sweep("plan_digests") == 1
    watch.set(at("2026-03-11 07:00"))
    run_digests(practice)
    [body] = digests(practice)
    assert [f"Lead {number}" in body for number in range(7)] == [False] * 3 + [True] * 4


def test_mails_of_one_batch_of_escalations_are_limited(open_practice: Callable[..., Practice], watch: Watch) -> None:
    practice = open_practice(playbook=ESCALATES)
    for _ in range(5):
        practice.capture()
    practice.run(Kind.ESCALATE, *practice.steps(kind=Kind.ESCALATE))
    assert len(practice.rows("lead_tasks")) == 5
    assert len(practice.steps(kind=Kind.DELIVER)) == 3
