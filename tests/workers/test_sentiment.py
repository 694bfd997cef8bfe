"""Sentiment of messages that arrive: stored with the activity, and a condition of rules; off by default."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.messaging.inbound.mail_list import assign
from app.messaging.inbound.sentiment.settings import set_sentiment_settings
from app.tasks.emergencies import NOTICE, TITLE
from tests.support.enrolling import mail as message_step
from tests.support.enrolling import playbook, sequence
from tests.support.inbound import answer, mail, receive, set_address
from tests.support.notices import prefer
from tests.support.practice import Practice, Watch, at
from tests.support.smtp import Mail, SmtpServer

RULES: list[dict[str, Any]] = [
    {"name": "hello", "on": "lead.created", "do": [{"send_message": {"channel": "email", "template": "one"}}]},
    {
        "name": "unhappy",
        "on": "lead.replied",
        "when": [{"field": "event.sentiment", "in": ["negative", "urgent"]}],
        "do": [{"create_task": {"type": "CALL", "title": "Call now"}}],
    },
]


@pytest.fixture
def calm(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    """A clinic with a rule for unhappy leads, which has written to one lead."""
    practice = open_practice(playbook=playbook(sequence(message_step("first", "2 days")), rules=RULES))
    set_address(practice)
    practice.capture(email="mia@lead.example")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    return practice


@pytest.fixture
def sent(calm: Practice, smtp: SmtpServer) -> Mail:
    [sent] = smtp.received
    return sent


def turn_on(practice: Practice) -> None:
    with transaction() as session:
        set_sentiment_settings(session, practice.actor(), {"is_on": True})


def labels(practice: Practice) -> list[tuple[str | None, list[str] | None]]:
    return [(row.sentiment, row.sentiment_words) for row in practice.rows("lead_activities", direction="INBOUND")]


def planned(practice: Practice) -> int:
    return len(practice.rows("steps", name="unhappy"))


def test_unhappy_reply_gets_its_label_and_starts_the_rule(calm: Practice, sent: Mail):
    turn_on(calm)
    receive(calm.clinic_id, answer(sent, "I am not happy. This is unacceptable."))
    assert labels(calm) == [("negative", ["not happy", "unacceptable"])]
    assert planned(calm) == 1


def test_happy_reply_starts_nothing(calm: Practice, sent: Mail):
    turn_on(calm)
    receive(calm.clinic_id, answer(sent, "Thank you, that works for me."))
    assert [label for label, _ in labels(calm)] == ["positive"]
    assert planned(calm) == 0


def test_nothing_is_labelled_by_default(calm: Practice, sent: Mail):
    receive(calm.clinic_id, answer(sent, "I am not happy. This is unacceptable."))
    assert labels(calm) == [(None, None)]
    assert planned(calm) == 0


def emergencies(practice: Practice) -> list[tuple[str, str]]:
    return [(task.priority, task.title) for task in practice.rows("lead_tasks") if task.title == TITLE]


def notices(practice: Practice) -> list[str]:
    return [row.channel for row in practice.rows("notifications", template=NOTICE)]


@pytest.mark.parametrize("text", ["mi hijo tiene mucho dolor", "My wire is poking and it hurts", "Es blutet stark"])
def test_emergency_reaches_a_person_at_once_in_any_language(calm: Practice, sent: Mail, text: str):
    receive(calm.clinic_id, answer(sent, text))
    assert emergencies(calm) == [("URGENT", TITLE)]
    assert sorted(notices(calm)) == ["email", "in_app"]


@pytest.mark.parametrize("wall", ["2026-03-10 17:24", "2026-03-10 10:20", "2026-03-14 03:00"])
def test_emergency_is_due_at_once_also_while_the_clinic_is_closed(calm: Practice, sent: Mail, watch: Watch, wall: str):
    watch.set(at(wall))
    receive(calm.clinic_id, answer(sent, "My tooth hurts."))
    assert [task.due_at for task in calm.rows("lead_tasks", title=TITLE)] == [at(wall)]
    [mailed] = calm.rows("notifications", template=NOTICE, channel="email")
    assert mailed.state == "pending"
    assert calm.step(kind=Kind.DELIVER, state="published").params["notification_id"] == str(mailed.id)


def test_emergency_is_mailed_although_mails_about_replies_are_off(calm: Practice, sent: Mail):
    prefer(calm, {"reply": {"email": "off"}})
    receive(calm.clinic_id, answer(sent, "My tooth hurts."))
    assert sorted(notices(calm)) == ["email", "in_app"]


def test_emergency_in_an_automatic_reply_reaches_a_person(calm: Practice, sent: Mail):
    receive(calm.clinic_id, answer(sent, "Mi hijo tiene mucho dolor.", auto_submitted="auto-replied"))
    assert [row.is_auto_reply for row in calm.rows("lead_activities", direction="INBOUND")] == [True]
    assert emergencies(calm) == [("URGENT", TITLE)]


def test_second_message_about_an_emergency_creates_no_second_task(calm: Practice, sent: Mail):
    receive(calm.clinic_id, answer(sent, "My tooth hurts."))
    receive(calm.clinic_id, answer(sent, "It hurts and there is blood."))
    assert emergencies(calm) == [("URGENT", TITLE)]


def test_other_message_is_no_emergency(calm: Practice, sent: Mail):
    receive(calm.clinic_id, answer(sent, "Does it hurt to get braces?"))
    assert emergencies(calm) == []
    assert notices(calm) == []


def test_mail_that_a_user_assigns_gets_a_label(calm: Practice):
    turn_on(calm)
    stranger = receive(calm.clinic_id, mail("Je suis très déçue, c'est inacceptable.", sender="eva@other.example"))
    [lead] = calm.rows("leads")
    with transaction() as session:
        assign(session, calm.actor(), stranger.id, {"lead_id": lead.id})
    assert labels(calm) == [("negative", ["decue", "inacceptable"])]
