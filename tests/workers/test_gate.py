"""Contact policy in workers: several rules, one lead, and an unavailable mail server."""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app.api.clinic.settings_schemas import ContactPolicyIn
from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.leads.search.lookup import get_lead
from app.messaging.contact_policy.gate import Allow, Until, explain_gate
from app.messaging.contact_policy.gate_input import ContactAttempt
from app.messaging.contact_policy.load_facts import AttemptContext, load_contact_facts
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.contact_policy.settings import set_contact_policy
from app.messaging.delivery import retry
from tests.support.concurrency import run_concurrently
from tests.support.plans import listening
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from tests.support.processes import wait_until
from tests.support.smtp import DROP, HANG, SmtpServer
from workers.pipeline.claim import claim_turn
from workers.pipeline.context import load
from workers.pipeline.due_steps.turns import Turn

BOTH = """
name: ours
rules:
  - name: hello
    on: lead.created
    stop_on: [lead.replied]
    do: [{send_message: {channel: email, template: hello}}]
  - name: offer
    on: lead.created
    unless: [{field: lead.contacted_at, exists: true}]
    stop_on: []
    do: [{send_message: {channel: email, template: offer}}]
  - name: confirmation
    on: consultation.scheduled
    do: [{send_message: {channel: email, template: confirmed, transactional: true}}]
templates:
  hello: {subject: Hello, body: Hello}
  offer: {subject: Offer, body: Offer}
  confirmed: {subject: Confirmed, body: Confirmed}
"""


@pytest.fixture
def practice(open_practice: Callable[..., Practice], smtp: SmtpServer) -> Practice:
    return open_practice(playbook=BOTH)


def decide(practice: Practice, **policy: Any) -> None:
    """Set the contact policy of the clinic."""
    with transaction() as session:
        set_contact_policy(session, practice.actor(), ContactPolicyIn().read(policy))


def matters(name: str, priority: int) -> None:
    sql("UPDATE steps SET cause = cause || CAST(:given AS jsonb) WHERE name = :name", name=name, given=_json(priority))


def _json(priority: int) -> str:
    return json.dumps({"priority": priority})


def write(practice: Practice) -> None:
    practice.run(Kind.SEND_MESSAGE)


def deliver(practice: Practice) -> None:
    practice.run(Kind.DELIVER)


def ends(practice: Practice) -> dict[str, tuple[str, str | None, datetime]]:
    """Return state, reason and due time of each message step."""
    return {step.name: (step.state, step.reason, step.due_at) for step in practice.steps(kind="send_message")}


def subjects(smtp: SmtpServer) -> list[str]:
    return [mail.message["Subject"] for mail in smtp.received]


def test_both_rules_write_at_once_without_a_policy(practice: Practice):
    practice.capture()
    write(practice)
    assert {state for state, _, _ in ends(practice).values()} == {"done"}


def test_second_of_two_rules_waits_for_the_next_window(practice: Practice, watch: Watch, smtp: SmtpServer):
    decide(practice, window="1 day")
    practice.capture()
    write(practice)
    tomorrow = TUESDAY + timedelta(days=1)
    assert ends(practice) == {
        "hello": ("done", None, TUESDAY),
        "offer": ("planned", Reason.ANOTHER_TOUCH, tomorrow),
    }
    deliver(practice)
    watch.set(tomorrow - timedelta(seconds=1))
    write(practice)
    assert subjects(smtp) == ["Hello"]
    watch.set(tomorrow)
    write(practice)
    deliver(practice)
    assert subjects(smtp) == ["Hello", "Offer"]


@pytest.mark.parametrize(("late", "state"), [(59, "done"), (61, "skipped")])
def test_lateness_counts_from_the_time_that_the_contact_policy_chose(
    practice: Practice, watch: Watch, late: int, state: str
):
    decide(practice, window="1 day")
    practice.capture()
    sql("UPDATE steps SET lateness = 60 WHERE name = 'offer'")
    write(practice)
    deliver(practice)
    watch.set(TUESDAY + timedelta(days=1, seconds=late))
    write(practice)
    assert ends(practice)["offer"][:2] == (state, None if state == "done" else Reason.TOO_LATE)


@pytest.mark.parametrize(("important", "other"), [("hello", "offer"), ("offer", "hello")])
def test_higher_priority_message_is_written_first(practice: Practice, important: str, other: str):
    decide(practice, window="1 day")
    practice.capture()
    matters(important, 1)
    write(practice)
    assert ends(practice)[important][0] == "done"
    assert ends(practice)[other][1:] == (Reason.ANOTHER_TOUCH, TUESDAY + timedelta(days=1))


def test_oldest_waiting_message_goes_first(open_practice: Callable[..., Practice], watch: Watch):
    letter = "do: [{send_message: {channel: email, template: hello}}]"
    rules = "".join(f"  - {{name: rule-{number}, on: lead.created, {letter}}}\n" for number in (3, 1, 2))
    practice = open_practice(playbook=f"name: ours\nrules:\n{rules}templates: {{hello: {{subject: Hi, body: Hi}}}}")
    decide(practice, window="1 day")
    practice.capture()
    went: list[str] = []
    for _ in range(3):
        write(practice)
        went += [step.name for step in practice.steps(state="done", kind="send_message") if step.name not in went]
        watch.advance(days=1)
    assert went == ["rule-3", "rule-1", "rule-2"]


def test_unwritten_higher_priority_message_does_not_block(practice: Practice):
    decide(practice, window="1 day")
    lead = practice.capture()
    matters("offer", 1)
    practice.speak_with(lead)
    write(practice)
    assert ends(practice) == {
        "hello": ("done", None, TUESDAY),
        "offer": ("skipped", Reason.ALREADY_CONTACTED, TUESDAY),
    }


def test_planned_higher_priority_message_within_the_window_blocks(practice: Practice, watch: Watch):
    decide(practice, window="1 day")
    lead = practice.capture()
    later = TUESDAY + timedelta(hours=4)
    matters("offer", 1)
    sql("UPDATE steps SET due_at = :later, state = 'planned' WHERE name = 'offer'", later=later)
    write(practice)
    assert ends(practice)["hello"] == ("planned", Reason.ANOTHER_TOUCH, later + timedelta(days=1))
    watch.set(later)
    write(practice)
    assert ends(practice)["offer"][0] == "done"
    assert len(practice.rows("notifications", lead_id=lead)) == 1


def test_other_leads_are_not_affected(practice: Practice):
    decide(practice, window="1 day", daily_cap=1)
    for _ in range(3):
        practice.capture()
    write(practice)
    assert [step.name for step in practice.steps(kind="send_message", state="done")] == ["hello"] * 3


@pytest.mark.parametrize(
    ("policy", "reason", "again"),
    [
        ({"daily_cap": 1}, Reason.DAILY_CAP, "2026-03-11 08:00"),
        ({"weekly_cap": 1}, Reason.WEEKLY_CAP, "2026-03-16 08:00"),  # on Monday
        ({"minimum_interval": "90 minutes"}, Reason.MINIMUM_INTERVAL, "2026-03-10 12:30"),  # 11:00 and 90 min
        ({"minimum_interval": "12 hours"}, Reason.MINIMUM_INTERVAL, "2026-03-11 08:00"),  # 23:00, so in the morning
    ],
)
def test_message_above_a_cap_waits(practice: Practice, policy: dict[str, Any], reason: Reason, again: str):
    decide(practice, **policy)
    practice.capture()
    write(practice)
    assert ends(practice)["offer"][1:] == (reason, at(again))
    assert len(practice.rows("notifications")) == 1


def test_cap_per_sequence_is_applied(practice: Practice, watch: Watch):
    decide(practice, per_sequence_cap=1)
    lead = practice.capture()
    write(practice)
    watch.advance(days=300)
    sql(
        "INSERT INTO steps (id, clinic_id, lead_id, kind, name, cause, params, stop_on, due_at, state, attempts,"
        " created_at) SELECT gen_random_uuid(), clinic_id, lead_id, kind, 'again', cause, params, stop_on, :now,"
        " 'published', 0, :now FROM steps WHERE name = 'hello' AND lead_id = :lead",
        now=now(),
        lead=lead,
    )
    write(practice)
    assert ends(practice)["again"][:2] == ("skipped", Reason.SEQUENCE_CAP)
    assert ends(practice)["offer"][0] == "done"


def test_transactional_message_is_sent_at_once_and_counts(practice: Practice):
    decide(practice, daily_cap=2)
    lead = practice.capture()
    for day in (12, 13, 14):
        practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=at(f"2026-03-{day} 10:00"))
    matters("confirmation", 1)
    write(practice)
    assert {step.state for step in practice.steps(name="confirmation")} == {"done"}
    put_off = {(step.reason, step.due_at) for step in practice.steps(kind="send_message", state="planned")}
    assert put_off == {(Reason.DAILY_CAP, at("2026-03-11 08:00"))}


def test_delayed_deliveries_are_spread_after_the_mail_server_returns(
    practice: Practice, watch: Watch, smtp: SmtpServer
):
    decide(practice, window="1 day")
    practice.capture()
    smtp.stop()
    write(practice)
    deliver(practice)
    watch.advance(days=1)
    write(practice)
    deliver(practice)
    assert {note.state for note in practice.rows("notifications")} == {"pending"}

    watch.set(at("2026-03-12 03:00"))
    smtp.start()
    deliver(practice)
    assert subjects(smtp) == []  # it is night
    assert {step.due_at for step in practice.steps(kind="deliver")} == {at("2026-03-12 08:00")}
    watch.set(at("2026-03-12 08:00"))
    deliver(practice)
    assert len(smtp.received) == 1
    [waiting] = [step for step in practice.steps(kind="deliver") if step.state == "planned"]
    assert (waiting.reason, waiting.due_at) == (Reason.ANOTHER_TOUCH, at("2026-03-13 08:00"))
    watch.set(waiting.due_at)
    deliver(practice)
    assert sorted(subjects(smtp)) == ["Hello", "Offer"]


def test_message_in_delivery_blocks_the_next(practice: Practice, smtp: SmtpServer):
    practice.capture()
    write(practice)
    decide(practice, minimum_interval="1 hour")
    smtp.on("dot", HANG, times=1)
    sending = threading.Thread(target=deliver, args=[practice])
    sending.start()
    wait_until(lambda: bool(smtp.received), 60, "the server to have the message")
    practice.run(Kind.DELIVER)
    smtp.hang_up()
    sending.join()
    assert len(smtp.received) == 1
    [waiting] = practice.steps(kind="deliver", reason=Reason.MINIMUM_INTERVAL)
    assert waiting.due_at == TUESDAY + timedelta(hours=1)


def test_message_in_doubt_counts_from_its_delivery_time(practice: Practice, watch: Watch, smtp: SmtpServer):
    decide(practice, window="1 day")
    practice.capture()
    smtp.stop()
    write(practice)
    deliver(practice)
    watch.set(at("2026-03-12 10:00"))  # written two days ago
    smtp.start()
    smtp.on("dot", DROP, times=1)
    deliver(practice)
    assert practice.row("notifications").state == "unknown"
    write(practice)
    assert ends(practice)["offer"][1:] == (Reason.ANOTHER_TOUCH, at("2026-03-13 10:00"))


def test_retried_message_is_checked_again(practice: Practice, watch: Watch, smtp: SmtpServer):
    decide(practice, window="1 day")
    practice.capture()
    smtp.on("rcpt", "550 5.7.1 Refused", times=1)
    write(practice)
    deliver(practice)
    assert practice.row("notifications").state == "failed"
    watch.advance(days=1)
    write(practice)  # a failed message does not count
    deliver(practice)
    watch.advance(hours=1)
    with transaction() as session:
        retry.retry(session, practice.actor(), practice.row("notifications", state="failed").id)
    deliver(practice)
    assert subjects(smtp)[-1:] == ["Offer"]
    [again] = practice.steps(kind="deliver", reason=Reason.ANOTHER_TOUCH)
    assert again.due_at == TUESDAY + timedelta(days=2)


def test_concurrent_workers_write_one_message(practice: Practice):
    decide(practice, window="1 day")
    for _ in range(8):
        practice.capture()
    hello, offer = (practice.steps(name=name) for name in ("hello", "offer"))
    for one, other in zip(hello, reversed(offer), strict=True):
        run_concurrently(*(partial(practice.run, Kind.SEND_MESSAGE, step) for step in (one, other)))
    while any(step.due_at == TUESDAY for step in practice.pending() if step.kind == Kind.SEND_MESSAGE):
        write(practice)  # a step claimed by the other worker is repeated
    assert len(practice.rows("notifications")) == len({note.lead_id for note in practice.rows("notifications")}) == 8


def test_explanation_is_available_before_a_message_exists(practice: Practice):
    decide(practice, daily_cap=1)
    lead_id = practice.capture()
    write(practice)
    asked_about = ContactAttempt("email", "mia@lead.example", planned_at=TUESDAY)
    with transaction() as session:
        lead = get_lead(session, practice.actor(), lead_id)
        clinic = practice.actor().clinic
        [known] = load_contact_facts(session, [AttemptContext(lead, clinic, asked_about)], now=TUESDAY)
    refused = {finding.check: finding.decision for finding in explain_gate(asked_about, known, TUESDAY)}
    assert refused.pop(Reason.DAILY_CAP) == Until(at("2026-03-11 00:00"), Reason.DAILY_CAP)
    assert set(refused.values()) == {Allow()}


def test_opt_out_from_email_stops_written_messages(practice: Practice, smtp: SmtpServer):
    lead = practice.capture()
    write(practice)
    with transaction() as session:
        opt_out(session, practice.actor(), lead, channel="email")
    as_if_at_once = "UPDATE steps SET state = 'published', reason = NULL WHERE kind IN ('deliver', 'send_message')"
    sql(as_if_at_once)
    sql("UPDATE notifications SET state = 'pending', reason = NULL")
    write(practice)
    deliver(practice)
    assert smtp.received == []
    assert {step.reason for step in practice.steps(lead, state="skipped")} == {Reason.OPTED_OUT_OF_CHANNEL}
    assert {note.reason for note in practice.rows("notifications")} == {Reason.OPTED_OUT_OF_CHANNEL}


def test_concurrent_reply_stops_the_message(practice: Practice):
    lead = practice.capture()
    sql("UPDATE leads SET replied_at = :at", at=TUESDAY + timedelta(seconds=1))
    write(practice)
    assert ends(practice)["hello"] == ("skipped", Reason.REPLIED, TUESDAY)
    assert ends(practice)["offer"][0] == "done"
    assert len(practice.rows("notifications", lead_id=lead)) == 1


@pytest.mark.parametrize(
    ("given", "again"),
    [
        ({"phone": "+14155550143"}, "2026-03-10 11:00"),  # a number of San Francisco: 05:00 there, until 08:00
        ({"phone": "+14155550143", "timezone": "America/New_York"}, None),  # it is known where they are
        ({"phone": "+18005550143"}, None),  # free-phone: from anywhere
    ],
)
def test_lead_with_two_possible_zones_is_contacted_outside_quiet_hours_of_both(
    practice: Practice, watch: Watch, given: dict[str, str], again: str | None
):
    watch.set(at("2026-03-10 08:30"))
    practice.capture(**given)
    write(practice)
    state, reason, due_at = ends(practice)["hello"]
    if again is None:
        assert (state, reason) == ("done", None)
    else:
        assert (reason, due_at) == (Reason.OUTSIDE_HOURS, at(again))


def test_invalid_address_is_not_tried(practice: Practice, watch: Watch):
    practice.capture(email="mia..keller@lead.example")
    write(practice)
    assert {(state, reason) for state, reason, _ in ends(practice).values()} == {("skipped", Reason.INVALID_ADDRESS)}


@pytest.mark.parametrize(
    ("policy", "more"),
    [({}, 0), ({"weekends": False, "business_hours_only": True}, 0), ({"window": "1 day", "per_sequence_cap": 3}, 1)],
)
def test_history_of_a_batch_is_loaded_with_one_query(practice: Practice, policy: dict[str, Any], more: int):
    def asked() -> int:
        with transaction() as session:
            rows = claim_turn(session, Turn(Kind.SEND_MESSAGE, [practice.clinic_id], 100), now=now())
            with listening() as heard:
                contexts = load(session, rows, now=now())
        assert len(contexts) == 2 * len(practice.rows("leads"))
        return len(heard)

    practice.capture()
    asked()  # rules and clinic are read once
    before = asked()
    for _ in range(9):
        practice.capture()
    decide(practice, **policy)
    asked()
    assert asked() == before + more
