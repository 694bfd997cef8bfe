"""Edge cases of delivery: late stops, interrupted workers, missing servers."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.core import db
from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.messaging.delivery import retry
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from app.messaging.delivery.retry import Resolution
from app.ops.embedded import Postgres
from tests.support.mail import SEND, about_to_be_delivered, deliveries, delivery_step, note, try_again
from tests.support.practice import Practice, Watch, at, sql
from tests.support.processes import wait_until
from tests.support.smtp import DROP, HANG, SmtpServer
from workers.sweeps.run import sweep


@pytest.fixture
def practice(practice: Practice, smtp: SmtpServer) -> Practice:
    return about_to_be_delivered(practice)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Practice.opt_out, Reason.OPTED_OUT),
        (Practice.hear_from, Reason.REPLIED),
        (Practice.speak_with, Reason.ALREADY_CONTACTED),
        (Practice.convert, Reason.CONVERTED),
        (Practice.lose, Reason.LOST),
    ],
)
@pytest.mark.parametrize("after_a_try", [False, True])
def test_message_cancelled_before_the_attempt_is_not_sent(
    practice: Practice, smtp: SmtpServer, watch: Watch, stop: Callable[..., None], reason: Reason, after_a_try: bool
):
    if after_a_try:
        smtp.on("rcpt", "450 4.2.0 Greylisted", times=1)
        practice.run(SEND)
    stop(practice, practice.row("leads").id)
    try_again(practice, watch)

    assert not smtp.received
    assert (note(practice).state, note(practice).reason) == ("suppressed", reason)
    assert (delivery_step(practice).state, delivery_step(practice).reason) == ("cancelled", reason)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Practice.opt_out, Reason.OPTED_OUT),
        (Practice.speak_with, Reason.ALREADY_CONTACTED),
        (Practice.lose, Reason.LOST),
    ],
)
def test_guard_stops_a_message_with_an_uncancelled_step(
    practice: Practice, smtp: SmtpServer, stop: Callable[..., None], reason: Reason
):
    sql("UPDATE steps SET stop_on = '{}'")
    stop(practice, practice.row("leads").id)
    practice.run(SEND)

    assert not smtp.received
    assert (note(practice).state, note(practice).reason) == ("suppressed", reason)
    assert (delivery_step(practice).state, delivery_step(practice).reason) == ("skipped", reason)


def test_retry_at_night_waits_until_quiet_hours_end(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "450 4.2.0 Greylisted", times=1)
    practice.run(SEND)
    watch.set(at("2026-03-10 22:00"))
    practice.run(SEND)

    step = delivery_step(practice)
    assert (step.state, step.reason, step.due_at) == ("planned", Reason.OUTSIDE_HOURS, at("2026-03-11 08:00"))
    assert (note(practice).state, len(smtp.received)) == ("pending", 0)
    try_again(practice, watch)
    assert (note(practice).state, delivery_step(practice).attempts) == ("sent", 2)


@pytest.mark.parametrize("retried", [False, True])
def test_transactional_message_is_delivered_at_night(practice: Practice, smtp: SmtpServer, watch: Watch, retried: bool):
    watch.set(at("2026-03-10 22:00"))
    lead = practice.capture(email="tom@lead.example")
    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=at("2026-03-12 10:00"))
    practice.run(Kind.SEND_MESSAGE)
    if retried:
        smtp.on("rcpt", "550 5.7.1 Refused", times=1, to="tom@lead.example")
        practice.run(SEND)
        with transaction() as session:
            failed = practice.row("notifications", lead_id=lead)
            retry.retry(session, practice.actor(), failed.id)
    practice.run(SEND)

    assert [mail.recipient for mail in smtp.received] == ["tom@lead.example"]


@pytest.mark.parametrize(("stop", "reason"), [(Practice.opt_out, Reason.OPTED_OUT), (Practice.lose, Reason.LOST)])
def test_admin_cannot_retry_a_message_that_was_stopped(
    practice: Practice, smtp: SmtpServer, stop: Callable[..., None], reason: Reason
):
    smtp.on("rcpt", "550 5.7.1 Refused", times=1)
    practice.run(SEND)
    stop(practice, practice.row("leads").id)
    with transaction() as session:
        retry.retry(session, practice.actor(), note(practice).id)
    practice.run(SEND)

    assert not smtp.received
    assert (note(practice).state, note(practice).reason) == ("suppressed", reason)


@pytest.mark.parametrize("happened", [Practice.hear_from, None])
def test_guard_counts_events_since_the_message_and_not_since_its_retry(
    practice: Practice, smtp: SmtpServer, watch: Watch, happened: Callable[..., None] | None
):
    guard = '{"unless": [{"field": "since.replied", "equals": true}]}'
    sql(
        "UPDATE steps SET guard = CAST(:guard AS jsonb) WHERE clinic_id = :clinic",
        guard=guard,
        clinic=practice.clinic_id,
    )
    smtp.on("rcpt", "550 5.7.1 Refused", times=1)
    practice.run(SEND)
    watch.advance(minutes=5)
    if happened:
        happened(practice, practice.row("leads").id)
    watch.advance(minutes=5)
    with transaction() as session:
        retry.retry(session, practice.actor(), note(practice).id)
    practice.run(SEND)

    assert (note(practice).state, note(practice).reason) == (("suppressed", "replied") if happened else ("sent", None))


def test_no_transaction_is_open_during_the_smtp_call(practice: Practice, smtp: SmtpServer, postgres: Postgres):
    """A writer of the lead does not wait for a mail server."""
    lead = practice.row("leads").id
    smtp.on("dot", HANG, times=1)
    sending = threading.Thread(target=practice.run, args=[SEND])
    sending.start()
    wait_until(lambda: bool(smtp.received), 60, "the server to have the message")

    assert (note(practice).state, delivery_step(practice).state) == ("sending", "running")
    practice.opt_out(lead)  # too late for this message, and not blocked by the call
    with postgres.connect("relance") as owner:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'relance_web' AND state <> 'idle'"
        assert owner.execute(busy).fetchone() == (0,)
    smtp.hang_up()
    sending.join()
    assert note(practice).state == "unknown"


def test_outcome_survives_a_database_restart(practice: Practice, smtp: SmtpServer, postgres: Postgres):
    smtp.on("dot", HANG, times=1)
    for connection in [db.engine().connect() for _ in range(8)]:
        connection.close()  # the pool is full of those that are about to die
    sending = threading.Thread(target=practice.run, args=[SEND])
    sending.start()
    wait_until(lambda: bool(smtp.received), 60, "the server to have the message")
    with postgres.connect("relance") as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relance_web'")
    smtp.hang_up()
    sending.join()

    db.dispose()
    assert (note(practice).state, delivery_step(practice).state) == ("unknown", "unknown")
    assert [outcome for _, outcome, _ in deliveries(practice)] == ["unknown"]


def test_late_answer_replaces_the_unknown_outcome(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("dot", HANG, times=1)
    sending = threading.Thread(target=practice.run, args=[SEND])
    sending.start()
    wait_until(lambda: bool(smtp.received), 60, "the server to have the message")
    watch.advance(minutes=5)
    sweep("rescue_expired_leases")
    assert (note(practice).state, delivery_step(practice).state) == ("unknown", "unknown")
    words = note(practice).error
    smtp.hang_up()
    sending.join()

    assert note(practice).error != words  # the network error


def test_concurrent_resolution_waits_for_the_recorded_outcome(practice: Practice, smtp: SmtpServer):
    """Both lock the step first; another order would deadlock."""
    smtp.on("dot", DROP, times=1)
    practice.run(SEND)
    step = delivery_step(practice)

    def decide() -> None:
        with transaction() as session:
            retry.resolve(session, practice.actor(), note(practice).id, as_=Resolution.SENT)

    with ThreadPoolExecutor() as pool:
        with transaction() as session:  # as the runner does with an answer: the step, then the notification
            session.execute(text("SELECT 1 FROM steps WHERE id = :id FOR UPDATE"), {"id": step.id})
            admin = pool.submit(decide)
            wait_until(lambda: sql("SELECT 1 FROM pg_locks WHERE NOT granted") != [], 60, "the admin to wait")
            session.execute(text("UPDATE notifications SET error = 'late' WHERE state = 'unknown'"))
        admin.result(60)

    assert note(practice).state == "sent"


def test_missing_mail_server_leaves_no_message_in_doubt(
    practice: Practice, watch: Watch, configure: Callable[..., None], smtp: SmtpServer
):
    url = smtp.url
    configure(smtp_url="")
    practice.run(SEND)
    assert (note(practice).state, note(practice).error) == ("pending", "SMTP_URL is not set")

    configure(smtp_url=url)
    try_again(practice, watch)
    assert note(practice).state == "sent"


@pytest.mark.parametrize(
    "words", ["550 5.1.1 No\0such\x07 user", "550 \ufffd\udcff".encode("utf-8", "replace").decode()]
)
def test_unstorable_characters_of_an_answer_are_replaced(practice: Practice, smtp: SmtpServer, words: str):
    smtp.on("rcpt", words)
    practice.run(SEND)

    assert note(practice).state == "failed"
    assert note(practice).error.startswith("550 ")


def test_message_that_cannot_be_rendered_can_be_retried(
    practice: Practice, smtp: SmtpServer, watch: Watch, postgres: Postgres
):
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE deliveries ADD CONSTRAINT none_at_all CHECK (attempt < 0)")
        for _ in range(MAX_ATTEMPTS):
            try_again(practice, watch)
        owner.execute("ALTER TABLE deliveries DROP CONSTRAINT none_at_all")

    assert (delivery_step(practice).state, delivery_step(practice).attempts) == ("failed", MAX_ATTEMPTS)
    assert note(practice).state == "failed"
    assert not smtp.received
    with transaction() as session:
        retry.retry(session, practice.actor(), note(practice).id)
    try_again(practice, watch)
    assert note(practice).state == "sent"


def test_refused_address_does_not_stop_other_messages(practice: Practice, smtp: SmtpServer):
    smtp.on("rcpt", "550 5.1.1 No such user", to="mia@lead.example")
    for number in range(3):
        practice.fail_to_reach(practice.capture(email=f"tom{number}@lead.example"))
    practice.run(Kind.SEND_MESSAGE)
    practice.run(SEND)

    states = {row.address: row.state for row in practice.rows("notifications", channel="email")}
    assert states == {"mia@lead.example": "failed"} | {f"tom{number}@lead.example": "sent" for number in range(3)}


@pytest.mark.parametrize("answer", ["550 5.1.1 <mia@lead.example>: unknown", "451 4.2.0 mia@lead.example, later"])
def test_answer_is_stored_without_the_address(practice: Practice, smtp: SmtpServer, answer: str):
    smtp.on("rcpt", answer)
    practice.run(SEND, delivery_step(practice))
    [(_, _, response)] = deliveries(practice)
    step = delivery_step(practice)
    assert "<address>" in response
    assert "mia@" not in f"{response} {step.error} {step.outcome} {note(practice).error}"
