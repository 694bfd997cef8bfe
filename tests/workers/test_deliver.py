"""Delivery through a misbehaving mail server: outcomes, attempts, and no message sent twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.core.db import transaction
from app.messaging.delivery import retry
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from app.messaging.delivery.retry import Resolution
from tests.support.mail import SEND, about_to_be_delivered, deliveries, delivery_step, note, try_again
from tests.support.practice import TUESDAY, Practice, Watch
from tests.support.smtp import DROP, HANG, SmtpServer
from workers.sweeps.run import sweep


@pytest.fixture
def practice(practice: Practice, smtp: SmtpServer) -> Practice:
    return about_to_be_delivered(practice)


def test_message_is_sent_once(practice: Practice, smtp: SmtpServer, watch: Watch):
    step = delivery_step(practice)
    for _ in range(3):
        practice.run(SEND, step)

    [mail] = smtp.received
    assert (mail.recipient, mail.message["Message-ID"]) == ("mia@lead.example", note(practice).message_id)
    assert mail.message["From"] == "Bright Smiles <no-reply@relance.invalid>"
    assert (note(practice).state, note(practice).attempts, note(practice).sent_at) == ("sent", 1, TUESDAY)
    assert deliveries(practice) == [(1, "sent", "250 2.0.0 Queued as 1")]
    step = delivery_step(practice)
    assert (step.state, step.outcome, step.lease_until) == ("done", {"response": "250 2.0.0 Queued as 1"}, None)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("greeting", "421 4.3.2 Too busy"),
        ("rcpt", "450 4.2.0 Greylisted"),
        ("dot", "421 4.3.2 Shutting down"),
        ("mail", "535 5.7.8 Bad login"),  # a configuration error, no fault of the message
    ],
)
def test_temporary_refusal_is_retried(practice: Practice, smtp: SmtpServer, watch: Watch, stage: str, reply: str):
    smtp.on(stage, reply, times=1)
    practice.run(SEND)

    step = delivery_step(practice)
    assert (step.state, step.attempts, step.error) == ("published", 1, reply)
    if reply.startswith("450"):
        assert timedelta(seconds=7.5) <= step.due_at - TUESDAY <= timedelta(seconds=12.5)  # 10 s, a quarter each way
    else:  # of the server, which may be back at once
        assert step.due_at - TUESDAY == timedelta(seconds=5)
    assert (note(practice).state, note(practice).attempts, note(practice).error) == ("pending", 1, reply)

    try_again(practice, watch)

    assert len(smtp.accepted) == 1
    assert (note(practice).state, note(practice).attempts, note(practice).error) == ("sent", 2, None)
    assert [(number, outcome) for number, outcome, _ in deliveries(practice)] == [(1, "transient"), (2, "sent")]
    assert (delivery_step(practice).state, delivery_step(practice).error) == ("done", None)


def test_permanent_refusal_fails(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "550 5.1.1 No such user")
    practice.run(SEND)
    try_again(practice, watch)

    said = "550 5.1.1 No such user"
    assert deliveries(practice) == [(1, "permanent", said)]
    assert (note(practice).state, note(practice).error, note(practice).attempts) == ("failed", said, 1)
    assert (delivery_step(practice).state, delivery_step(practice).error) == ("failed", said)


def test_message_that_is_refused_for_the_moment_is_tried_eight_times(
    practice: Practice, smtp: SmtpServer, watch: Watch
):
    smtp.on("rcpt", "450 4.2.2 Mailbox full")
    for _ in range(MAX_ATTEMPTS + 2):
        try_again(practice, watch)

    assert deliveries(practice) == [
        (number, "transient", "450 4.2.2 Mailbox full") for number in range(1, MAX_ATTEMPTS + 1)
    ]
    assert (note(practice).state, note(practice).attempts) == ("failed", MAX_ATTEMPTS)
    assert (delivery_step(practice).state, delivery_step(practice).attempts) == ("failed", MAX_ATTEMPTS)


def test_recovered_server_gets_the_message_once(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.stop()
    for _ in range(3):
        try_again(practice, watch)
    assert note(practice).state == "pending"
    smtp.start()
    for _ in range(3):
        try_again(practice, watch)

    assert len(smtp.received) == 1
    assert (note(practice).state, note(practice).attempts) == ("sent", 4)
    assert [outcome for _, outcome, _ in deliveries(practice)] == ["transient"] * 3 + ["sent"]


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "rcpt", "data"])
def test_timeout_before_the_message_is_retried(
    practice: Practice, smtp: SmtpServer, watch: Watch, configure: Callable[..., None], stage: str
):
    configure(smtp_timeout=0.3)
    smtp.on(stage, HANG, times=1)
    practice.run(SEND)
    assert (note(practice).state, [outcome for _, outcome, _ in deliveries(practice)]) == ("pending", ["transient"])

    configure(smtp_timeout=20)
    try_again(practice, watch)
    assert len(smtp.received) == 1
    assert note(practice).state == "sent"


@pytest.mark.parametrize("act", [DROP, HANG])
def test_possibly_accepted_message_is_not_retried(
    practice: Practice, smtp: SmtpServer, watch: Watch, configure: Callable[..., None], act: str
):
    configure(smtp_timeout=1)
    smtp.on("dot", act, times=1)
    practice.run(SEND)

    assert (note(practice).state, delivery_step(practice).state) == ("unknown", "unknown")
    assert [(number, outcome) for number, outcome, _ in deliveries(practice)] == [(1, "unknown")]
    for _ in range(3):
        watch.advance(hours=1)
        for name in ("publish_due_steps", "rescue_expired_leases"):
            sweep(name)
        practice.run(SEND, delivery_step(practice))
    assert len(smtp.received) == 1


def test_message_in_doubt_can_be_sent_again_by_an_admin(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("dot", DROP, times=1)
    practice.run(SEND)
    watch.advance(hours=1)
    with transaction() as session:
        retry.resolve(session, practice.actor(), note(practice).id, as_=Resolution.RETRY)
    practice.run(SEND)

    assert note(practice).state == "sent"
    assert {mail.message["Message-ID"] for mail in smtp.received} == {note(practice).message_id}  # known as one
    assert [outcome for _, outcome, _ in deliveries(practice)] == ["unknown", "sent"]


def test_failed_message_keeps_its_history_after_a_retry(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "550 5.7.1 Refused")
    practice.run(SEND)
    smtp.behave()
    watch.advance(hours=1)
    with transaction() as session:
        retry.retry(session, practice.actor(), note(practice).id)
    practice.run(SEND)

    assert deliveries(practice) == [(1, "permanent", "550 5.7.1 Refused"), (2, "sent", "250 2.0.0 Queued as 1")]
    assert (note(practice).state, note(practice).attempts) == ("sent", 2)
