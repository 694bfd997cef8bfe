"""A mail server or a gateway that is down: messages wait without using their tries, and go out when it is back."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.engine.models import Kind
from app.messaging.outages import store
from app.messaging.outages.breaker import THRESHOLD, WAIT
from tests.support.mail import SEND
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import DROP, HANG, SmtpServer
from workers.sweeps.run import sweep

NIGHT = timedelta(hours=8)  # from 11:00 to 19:00 in New York: in quiet hours nothing is sent anyway
DELIVERIES = (Kind.DELIVER, Kind.DELIVER_TO_USER, Kind.DELIVER_ACCOUNT_EMAIL)


def write_messages(practice: Practice, number: int) -> None:
    """Plan e-mails to leads, one each."""
    for _ in range(number):
        practice.fail_to_reach(practice.capture())
    practice.run(Kind.SEND_MESSAGE)


def work(practice: Practice, watch: Watch, *, minutes: float) -> None:
    """Let workers and beat work for so long, with a clock that jumps from one due time to the next."""
    until = now() + timedelta(minutes=minutes)
    while now() < until:
        sweep("watch_channels")
        due = [step for step in deliver_steps() if step.due_at <= now()]
        for kind in {step.kind for step in due}:
            practice.run(kind, *[step for step in due if step.kind == kind])
        later = [step.due_at for step in deliver_steps() if step.due_at > now()]
        watch.set(min([*later, now() + timedelta(minutes=4), until]))


def deliver_steps() -> list[Any]:
    pending = "state IN ('planned', 'published')"
    return sql(f"SELECT * FROM steps WHERE kind = ANY(:kinds) AND {pending} ORDER BY id", kinds=list(DELIVERIES))


def outage() -> Any:
    [found] = sql("SELECT * FROM channel_outages")
    return found


def emails_to_leads(practice: Practice) -> list[Any]:
    return [row for row in practice.rows("notifications", channel="email") if row.user_id is None]


def notices(practice: Practice) -> list[Any]:
    return practice.rows("notifications", template="channel-down")


def test_messages_survive_a_mail_server_that_is_away_for_a_night(
    practice: Practice, smtp: SmtpServer, watch: Watch
) -> None:
    write_messages(practice, 12)
    smtp.stop()

    work(practice, watch, minutes=NIGHT.total_seconds() / 60)
    messages = emails_to_leads(practice)
    assert {row.state for row in messages} == {"pending"}
    waiting = deliver_steps()
    assert {step.reason for step in waiting} == {"channel_down"}
    assert sum(step.attempts for step in waiting) < THRESHOLD
    assert sum(row.attempts for row in messages) == THRESHOLD

    smtp.start()
    work(practice, watch, minutes=15)
    assert {row.state for row in emails_to_leads(practice)} == {"sent"}
    assert len({mail.recipient for mail in smtp.accepted}) == len(smtp.accepted) == 12
    assert (outage().failures, outage().opened_at) == (0, None)


@pytest.mark.parametrize(
    ("stage", "act"),
    [
        ("greeting", "421 4.3.2 Too busy"),
        ("greeting", HANG),
        ("greeting", DROP),
        ("mail", "421 4.3.2 Shutting down"),
        ("mail", "452 4.3.1 Insufficient system storage"),
        ("auth", "535 5.7.8 Bad login"),
    ],
)
def test_every_outage_opens_the_breaker(
    practice: Practice, smtp: SmtpServer, watch: Watch, configure: Callable[..., None], stage: str, act: str
) -> None:
    configure(smtp_timeout=0.2)
    if stage == "auth":
        smtp.login = ("user", "password")
        configure(smtp_url=smtp.url)
    smtp.on(stage, act)
    write_messages(practice, THRESHOLD + 1)

    practice.run(SEND)

    assert outage().opened_at == now()
    assert sum(row.attempts for row in emails_to_leads(practice)) == THRESHOLD
    assert {row.state for row in emails_to_leads(practice)} == {"pending"}


@pytest.mark.parametrize(
    "reply", ["550 5.1.1 No such user", "450 4.2.2 Mailbox full", "451 4.7.1 Greylisted", "554 5.7.1 Spam"]
)
def test_refusals_of_addresses_open_nothing(practice: Practice, smtp: SmtpServer, watch: Watch, reply: str) -> None:
    smtp.on("rcpt", reply)
    write_messages(practice, THRESHOLD + 2)

    practice.run(SEND)

    assert sql("SELECT * FROM channel_outages") == []
    assert [row.attempts for row in emails_to_leads(practice)] == [1] * (THRESHOLD + 2)


def test_success_between_failures_keeps_the_breaker_closed(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    for _ in range(THRESHOLD + 1):
        write_messages(practice, THRESHOLD)
        smtp.on("greeting", "421 Too busy", times=THRESHOLD - 1)
        practice.run(SEND)
        watch.advance(minutes=1)

    assert (outage().failures, outage().opened_at) == (0, None)


def test_waiting_messages_are_not_tried(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    smtp.stop()
    write_messages(practice, THRESHOLD)
    practice.run(SEND)
    before = len(practice.rows("deliveries"))
    write_messages(practice, 5)

    practice.run(SEND)

    assert len(practice.rows("deliveries")) == before
    last = deliver_steps()[-1]
    assert (last.reason, last.attempts) == ("channel_down", 0)
    assert WAIT <= last.due_at - now() <= WAIT + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("greeting", "after", "asked"),
    [
        ("421 4.3.2 Down", timedelta(), 60),  # by each run of the sweep, once over all hosts
        ("421 4.3.2 Down", timedelta(hours=1), 8),
        ("421 4.3.2 Down", timedelta(hours=5), 5),  # once a minute
        ("535 5.7.8 Bad login", timedelta(), 5),  # too many wrong passwords lock an account
    ],
)
def test_server_is_asked_soon_and_later_more_rarely(
    practice: Practice, smtp: SmtpServer, watch: Watch, greeting: str, after: timedelta, asked: int
) -> None:
    smtp.on("greeting", greeting)
    write_messages(practice, THRESHOLD)
    practice.run(SEND)
    sql("UPDATE channel_outages SET failing_since = failing_since - CAST(:after AS interval)", after=after)
    before = smtp.connections

    for _ in range(60):  # five minutes; beat starts the sweep on two hosts
        watch.advance(seconds=5)
        sweep("watch_channels")
        sweep("watch_channels")

    assert smtp.connections - before == asked
    assert not [command for command in smtp.commands if command.upper().startswith("MAIL")]


def test_admins_are_notified_once(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    smtp.stop()
    write_messages(practice, THRESHOLD)
    work(practice, watch, minutes=90)

    [notice] = notices(practice)
    assert (notice.channel, notice.state) == ("in_app", "sent")  # not by the channel that is down
    assert notice.subject == "Messages by e-mail cannot be sent"


def test_short_interruption_is_not_reported(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    smtp.stop()
    write_messages(practice, THRESHOLD)
    practice.run(SEND)
    assert outage().opened_at
    smtp.start()
    work(practice, watch, minutes=30)

    assert notices(practice) == []
    assert {row.state for row in emails_to_leads(practice)} == {"sent"}


def test_server_that_answers_probes_only_uses_no_tries_and_is_reported(
    practice: Practice, smtp: SmtpServer, watch: Watch
) -> None:
    smtp.on("mail", "452 4.3.1 Insufficient system storage")
    write_messages(practice, 6)
    work(practice, watch, minutes=30)

    assert {row.state for row in emails_to_leads(practice)} == {"pending"}
    assert max(step.attempts for step in deliver_steps()) < THRESHOLD
    assert [notice.template for notice in notices(practice)] == ["channel-down"]
    smtp.behave()
    work(practice, watch, minutes=15)
    assert {row.state for row in emails_to_leads(practice)} == {"sent"}


def test_recovery_sends_a_few_messages_before_all_others(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    smtp.stop()
    write_messages(practice, store.FIRST_RELEASED + 5)
    practice.run(SEND)
    smtp.start()
    watch.advance(minutes=1)
    sweep("watch_channels")

    released = [step for step in deliver_steps() if now() <= step.due_at < now() + timedelta(seconds=1)]
    assert len(released) == store.FIRST_RELEASED
    practice.run(SEND)
    watch.advance(seconds=1)
    sweep("watch_channels")
    watch.advance(seconds=1)
    practice.run(SEND)
    assert {row.state for row in emails_to_leads(practice)} == {"sent"}


def test_first_messages_after_an_outage_are_those_of_all_clinics(
    practice: Practice, open_practice: Callable[..., Practice], smtp: SmtpServer, watch: Watch
) -> None:
    smtp.stop()
    write_messages(practice, store.FIRST_RELEASED + 5)
    others = [open_practice(), open_practice()]
    for other in others:
        write_messages(other, 3)
    practice.run(SEND)
    smtp.start()
    watch.advance(minutes=1)
    sweep("watch_channels")

    released = [step for step in deliver_steps() if now() <= step.due_at < now() + timedelta(seconds=1)]
    assert len(released) <= store.FIRST_RELEASED
    counts = Counter(step.clinic_id for step in released)
    assert min(counts[other.clinic_id] for other in others) >= 2
    in_order = sorted(released, key=lambda step: step.due_at)
    assert {step.clinic_id for step in in_order[:3]} == {one.clinic_id for one in (practice, *others)}


def test_message_that_is_too_late_after_an_outage_is_not_sent(
    practice: Practice, smtp: SmtpServer, watch: Watch
) -> None:
    smtp.stop()
    write_messages(practice, THRESHOLD + 2)
    sql("UPDATE steps SET lateness = 3600 WHERE kind = 'deliver'")
    practice.run(SEND)
    work(practice, watch, minutes=90)
    write_messages(practice, 1)
    smtp.start()
    work(practice, watch, minutes=15)

    messages = emails_to_leads(practice)
    assert {(row.state, row.reason) for row in messages[:-1]} == {("suppressed", "too_late")}
    assert messages[-1].state == "sent"
    assert len(smtp.accepted) == 1


@pytest.mark.parametrize(("stage", "act"), [("rcpt", "421 4.7.0 Try again later"), ("data", DROP)])
def test_messages_that_break_the_connection_do_not_block_others(
    practice: Practice, smtp: SmtpServer, watch: Watch, stage: str, act: str
) -> None:
    harmful = [f"harmful-{number}@lead.example" for number in range(THRESHOLD)]
    for address in harmful:
        smtp.on(stage, act, to=address)
        practice.fail_to_reach(practice.capture(email=address))
    practice.run(SEND)
    write_messages(practice, 6)

    work(practice, watch, minutes=15)
    assert len(smtp.accepted) == 6

    write_messages(practice, 6)
    work(practice, watch, minutes=15)
    assert len(smtp.accepted) == 12
    assert not {mail.recipient for mail in smtp.accepted} & set(harmful)


def test_without_probes_messages_are_tried_again(practice: Practice, smtp: SmtpServer, watch: Watch) -> None:
    smtp.stop()
    write_messages(practice, THRESHOLD)
    practice.run(SEND)
    smtp.start()
    watch.set(max(step.due_at for step in deliver_steps()))  # beat is down: no sweep runs

    practice.run(SEND)

    assert len(smtp.accepted) == THRESHOLD


def test_unanswered_messages_open_the_breaker(
    practice: Practice, smtp: SmtpServer, watch: Watch, configure: Callable[..., None]
) -> None:
    configure(smtp_timeout=1)
    smtp.on("dot", HANG)
    write_messages(practice, THRESHOLD + 3)

    practice.run(SEND)

    found = [row.state for row in emails_to_leads(practice)]
    assert sorted(found) == ["pending"] * 3 + ["unknown"] * THRESHOLD
