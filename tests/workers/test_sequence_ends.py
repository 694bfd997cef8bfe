"""Enrollments: exit, pause, entry by rules, labels and variants."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.automation.sequences.enrollments.service import (
    get_enrollment,
    list_enrollments_of_lead,
    pause_enrollment,
    resume_enrollment,
    skip_current_step,
)
from app.automation.sequences.service import change_sequence, create_sequence, delete_sequence
from app.core.db import transaction
from app.engine.failed_steps import retry_many
from app.engine.models import Kind
from app.leads.duplicates import merge as merging
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.gateways import status_events
from app.messaging.gateways.models import ReceiptStatus
from app.messaging.gateways.service import create_gateway
from app.messaging.unsubscribe import preferences
from tests.support.enrolling import call, came_by, mail, playbook, put, sequence, way
from tests.support.gateway import Gateway
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.smtp import DROP, SmtpServer
from tests.support.tracking import APPLE_PROXY, SAFARI, image, open_message, track
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

OpenWith = Callable[..., Practice]
DAY = timedelta(days=1)


@pytest.fixture
def open_with(open_practice: Callable[..., Practice]) -> OpenWith:
    def open_playbook(*sequences: Any, **parts: Any) -> Practice:
        return open_practice(playbook=playbook(*sequences, **parts))

    return open_playbook


def switch(practice: Practice, *, is_on: bool) -> None:
    actor, [row] = practice.actor(), practice.rows("sequences")
    with transaction() as session:
        change_sequence(session, actor, row.id, {"is_active": is_on}, seen=None)


def act(practice: Practice, lead: Any, what: Callable[..., Any]) -> None:
    with transaction() as session:
        what(session, practice.actor(), way(practice, lead).id)


def merge(practice: Practice, survivor: Any, duplicate: Any) -> None:
    with transaction() as session:
        merging.merge(session, practice.actor(), survivor, duplicate_id=duplicate)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (Practice.hear_from, "replied"),
        (Practice.opt_out, "opted_out"),
        (Practice.convert, "converted"),
        (Practice.lose, "lost"),
        (lambda practice, lead: practice.move(lead, "consultation_scheduled"), "meeting_booked"),
    ],
)
def test_default_events_end_the_enrollment(open_with: OpenWith, happens: Callable[..., None], reason: str):
    practice = open_with(sequence(mail("hello", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    happens(practice, lead)
    assert (way(practice, lead).state, way(practice, lead).reason) == ("exited", reason)
    assert [step.state for step in practice.steps(lead, name="welcome/hello")] == ["cancelled"]


@pytest.mark.parametrize("waiting", ["paused", "for its task"])
def test_enrollment_without_planned_steps_ends(open_with: OpenWith, waiting: str):
    practice = open_with(sequence(call("one", waits=True), call("two", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    if waiting == "paused":
        act(practice, lead, pause_enrollment)
    else:
        practice.run_due()
    practice.hear_from(lead)
    assert way(practice, lead).reason == "replied"


def test_goal_takes_precedence_over_other_exits(open_with: OpenWith):
    practice = open_with(sequence(mail("hello", "1 day"), goal=["consultation.scheduled"]))
    lead = practice.capture()
    put(practice, lead)
    practice.move(lead, "consultation_scheduled")
    assert way(practice, lead).reason == "goal"


def test_unlisted_event_does_not_end_the_enrollment(open_with: OpenWith):
    practice = open_with(sequence(mail("hello", "1 day"), exit_on=["lead.lost"]))
    lead = practice.capture()
    put(practice, lead)
    practice.hear_from(lead)
    assert way(practice, lead).state == "active"


def test_event_that_ends_one_enrollment_can_start_another(open_with: OpenWith):
    """A lost lead starts the win-back sequence."""
    practice = open_with(
        sequence(mail("hello", "1 day"), enroll={"on": "lead.created"}),
        sequence(mail("back", "30 days"), name="win-back", enroll={"on": "lead.lost"}, exit_on=["lead.reopened"]),
    )
    lead = practice.capture()
    practice.run_due()
    practice.lose(lead)
    practice.run_due()
    assert [(row.state, row.reason) for row in practice.rows("enrollments")] == [("exited", "lost"), ("active", None)]
    [back] = practice.pending(lead)
    assert back.name == "win-back/back"


def test_rules_enroll_and_unenroll(open_with: OpenWith):
    enroll, unenroll = {"enroll": {"sequence": "welcome"}}, {"unenroll": {"sequence": "welcome"}}
    practice = open_with(
        sequence(mail("hello", "1 day")),
        rules=[
            {"name": "in", "on": "lead.created", "do": [enroll]},
            {"name": "out", "on": "lead.contacted", "do": [unenroll]},
        ],
    )
    lead = practice.capture()
    practice.run_due()
    assert practice.step(lead, name="in").outcome == {"sequence": "welcome", "result": "enrolled"}
    assert way(practice, lead).cause["event"] == "lead.created"
    practice.speak_with(lead)
    practice.run_due()
    assert practice.step(lead, name="out").outcome == {"sequence": "welcome", "result": "left"}
    assert (way(practice, lead).reason, way(practice, lead).step_id is None) == ("unenrolled", False)
    assert practice.pending(lead) == []


def test_sequence_does_not_trigger_itself(open_with: OpenWith):
    """Events of its steps continue the chain, so the loop is detected."""
    practice = open_with(
        sequence(
            {"name": "move", "change_stage": {"stage": "contacted"}},
            enroll={"on": "lead.stage_changed"},
            re_entry="after_exit",
        )
    )
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    assert len(practice.rows("enrollments")) == 1
    [event] = practice.rows("events", lead_id=lead, name="lead.stage_changed")
    assert [decision["verdict"] for decision in event.decisions] == ["loop"]


def test_inactive_sequence_waits_and_continues_when_activated(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("one", "1 day"), call("two", "1 day")))
    lead, later = practice.capture(), practice.capture()
    put(practice, lead)
    switch(practice, is_on=False)
    assert put(practice, later) == [EnrollmentResult.SEQUENCE_INACTIVE]
    watch.advance(days=3)
    practice.run_due()
    held = way(practice, lead)
    assert (held.state, held.reason, held.step) == ("paused", "sequence_inactive", "one")
    assert practice.rows("lead_tasks", lead_id=lead) == []
    switch(practice, is_on=True)
    practice.run_due()
    assert came_by(practice, lead) == [("one", "done")]
    assert practice.pending(lead)[-1].due_at == TUESDAY + 4 * DAY


def test_failed_step_holds_the_enrollment_until_it_is_skipped(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(mail("hello"), call("two", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    sql("DELETE FROM message_templates WHERE slug = 'one'")
    for _ in range(30):
        watch.advance(hours=1)
        practice.run_due()
    assert practice.step(lead, name="welcome/hello").state == "failed"
    assert (way(practice, lead).state, way(practice, lead).step) == ("active", "hello")
    act(practice, lead, skip_current_step)
    assert came_by(practice, lead) == [("hello", "by_hand")]
    assert way(practice, lead).step == "two"


def test_failed_step_is_not_retried_after_the_enrollment_ended(open_with: OpenWith):
    practice = open_with(sequence(call("one"), call("two")))
    lead = practice.capture()
    put(practice, lead)
    sql("UPDATE steps SET state = 'failed' WHERE id = :id", id=way(practice, lead).step_id)
    practice.hear_from(lead)
    with transaction() as session:
        retry_many(session, practice.clinic_id, {}, spread=timedelta())
    practice.run_due()
    assert [(step.state, step.reason) for step in practice.steps(lead, name="welcome/one")] == [
        ("skipped", "not_enrolled")
    ]
    assert practice.rows("lead_tasks", lead_id=lead, title="Call them") == []


def test_lead_has_the_label_while_enrolled(open_with: OpenWith):
    practice = open_with(
        sequence(call("one", "1 day"), label="nurture"), sequence(call("one", "1 day"), name="other", label="nurture")
    )
    tagged, lead = practice.capture(tags=["nurture"]), practice.capture()

    def tags(of: Any) -> list[str]:
        found: list[str] = practice.row("leads", id=of).tags
        return found

    put(practice, tagged, lead)
    put(practice, lead, into="other")
    assert (tags(tagged), tags(lead)) == (["nurture"], ["nurture"])
    first, _ = practice.rows("enrollments", lead_id=lead)
    with transaction() as session:
        skip_current_step(session, practice.actor(), first.id)
    assert tags(lead) == ["nurture"]
    practice.hear_from(lead)
    practice.hear_from(tagged)
    assert (tags(tagged), tags(lead)) == (["nurture"], [])


def test_lead_response_after_an_exit_event_is_current(open_with: OpenWith):
    """The response has no label, and the version that the next edit needs."""
    practice = open_with(sequence(call("one", "1 day"), label="in-welcome"))
    lead = practice.capture()
    put(practice, lead)
    with transaction() as session:
        answered = opt_out(session, practice.actor(), lead)
    row = practice.row("leads", id=lead)
    assert (answered.tags, answered.version) == ([], row.version)


def test_merged_lead_loses_the_label_of_an_ended_enrollment(open_with: OpenWith):
    practice = open_with(sequence(call("one", "1 day"), label="in-welcome"))
    survivor, duplicate = practice.capture(), practice.capture()
    put(practice, survivor, duplicate)
    practice.hear_from(survivor)
    merge(practice, survivor, duplicate)
    assert practice.row("leads", id=survivor).tags == []


def test_merge_keeps_the_enrollment_in_a_sequence_of_the_same_name(open_with: OpenWith):
    """The step of the active enrollment moves along; the other enrollment had ended."""
    written = sequence(call("one", "1 day"), enroll={"on": "lead.created"})
    practice = open_with(written)
    survivor = practice.capture()
    practice.run_due()
    [row] = practice.rows("sequences")
    with transaction() as session:
        delete_sequence(session, practice.actor(), row.id, seen=None)
    with transaction() as session:
        create_sequence(session, practice.actor(), {**written, "is_active": True, "is_draft": False})
    duplicate = practice.capture()
    practice.run_due()
    merge(practice, survivor, duplicate)
    [live] = practice.rows("enrollments", lead_id=survivor, state="active")
    assert [step.id for step in practice.pending(survivor) if step.name == "welcome/one"] == [live.step_id]


def test_reply_of_one_contact_ends_enrollments_of_all_with_the_address(open_with: OpenWith):
    field = {"key": "company", "label": "Company", "type": "text"}
    practice = open_with(sequence(mail("hello", "1 day"), exit_on_colleague="custom.company"), fields=[field])
    ours_of = [practice.capture(custom={"company": name}) for name in ("Acme", "Acme", "Other")]
    put(practice, *ours_of)
    practice.hear_from(ours_of[0])
    practice.run_due()
    assert [way(practice, lead).reason for lead in ours_of] == ["replied", "colleague_replied", None]


@pytest.mark.parametrize(("weights", "spread"), [((1, 1), (25, 75)), ((9, 1), (75, 99))])
def test_variants_are_chosen_by_weight_and_stored(
    open_with: OpenWith, weights: tuple[int, int], spread: tuple[int, int]
):
    variants = [
        {"name": name, "weight": weight, "template": template}
        for name, weight, template in zip("AB", weights, ("one", "two"), strict=True)
    ]
    practice = open_with(sequence({"name": "hello", "send_message": {"channel": "email", "variants": variants}}))
    leads = [practice.capture() for _ in range(100)]
    put(practice, *leads)
    practice.run_due()
    entries = practice.rows("enrollment_steps")
    assert spread[0] <= sum(entry.variant == "A" for entry in entries) <= spread[1]
    sent = {note.id: note.template for note in practice.rows("notifications")}
    assert all(sent[entry.notification_id] == {"A": "one", "B": "two"}[entry.variant] for entry in entries)


@pytest.fixture
def server(configure: Callable[..., None]) -> Any:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=10, retry_base_seconds=10)
        yield server


TEXT = {"send_message": {"channel": "http", "template": "one"}}
LAST_OPENED = [{"field": "enrollment.last_opened", "equals": True}]


def report_status(practice: Practice, status: str, **more: Any) -> None:
    """Report the delivery status of the latest message as the gateway does."""
    note = practice.rows("notifications", channel="http")[-1]
    with transaction() as session:
        gateway = status_events.find_gateway(session, note.gateway_id)
        said = {"message_id": note.id, "status": ReceiptStatus(status), "at": note.created_at, **more}
        status_events.process_events(session, gateway, f"{status}-{note.id}", [said])


def through_a_gateway(practice: Practice, server: Gateway) -> Any:
    given = {"name": "social", "purpose": "messages", "url": server.url, "idempotent": True, "is_active": True}
    with transaction() as session:
        create_gateway(session, practice.clinic_id, given)
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    return lead


@pytest.mark.parametrize(
    ("status", "more", "reason"),
    [
        ("bounced", {}, "bounced"),
        ("replied", {}, "replied"),
        ("replied", {"is_auto_reply": True}, None),
        ("opened", {}, None),
    ],
)
def test_delivery_status_ends_the_enrollment_or_not(
    open_with: OpenWith, server: Gateway, status: str, more: dict[str, Any], reason: str | None
):
    practice = open_with(sequence({"name": "hello", **TEXT}, mail("again", "1 day")))
    lead = through_a_gateway(practice, server)
    report_status(practice, status, **more)
    assert way(practice, lead).reason == reason


@pytest.mark.parametrize(("opened", "taken"), [(True, "warm"), (False, "cold")])
def test_branch_depends_on_whether_the_last_message_was_opened(
    open_with: OpenWith, server: Gateway, watch: Watch, opened: bool, taken: str
):
    branch = {"name": "which", "after": "1 day", "branch": {"if": LAST_OPENED, "then": "warm", "else": "cold"}}
    practice = open_with(sequence({"name": "hello", **TEXT}, branch, call("warm", next="end"), call("cold")))
    lead = through_a_gateway(practice, server)
    if opened:
        report_status(practice, "opened")
    watch.advance(days=1)
    practice.run_due()
    assert came_by(practice, lead)[-1] == (taken, "done")


@pytest.mark.parametrize(
    ("agent", "taken"),
    [(SAFARI, "warm"), (APPLE_PROXY, "cold"), (None, "cold")],
)
def test_branch_depends_on_whether_a_person_opened_a_tracked_email(
    open_with: OpenWith, watch: Watch, smtp: SmtpServer, agent: str | None, taken: str
):
    branch = {"name": "which", "after": "1 day", "branch": {"if": LAST_OPENED, "then": "warm", "else": "cold"}}
    practice = open_with(sequence(mail("hello"), branch, call("warm", next="end"), call("cold")))
    track(practice, opens=True)
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(minutes=5)
    if agent:
        open_message(practice.row("notifications", lead_id=lead).id, headers=image(agent))
    watch.advance(seconds=31)
    sweep("settle_tracking_hits")
    watch.advance(days=1)
    practice.run_due()
    assert came_by(practice, lead)[-1] == (taken, "done")


@pytest.mark.parametrize(("field", "outcome"), [("opened", "done"), ("clicked", "condition_not_met")])
def test_only_the_kind_that_is_tracked_is_known(
    open_with: OpenWith, watch: Watch, smtp: SmtpServer, field: str, outcome: str
):
    known = [{"field": f"enrollment.{field}", "exists": True}]
    practice = open_with(sequence(mail("hello"), call("after", "1 day", only_if=known)))
    track(practice, opens=True)
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    watch.advance(days=1)
    practice.run_due()
    assert came_by(practice, lead)[-1] == ("after", outcome)


def test_opened_condition_is_unknown_for_email(open_with: OpenWith, watch: Watch):
    known = [{"field": "enrollment.opened", "exists": True}]
    practice = open_with(sequence(mail("hello"), call("after", "1 day", only_if=known)))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    watch.advance(days=1)
    practice.run_due()
    assert came_by(practice, lead)[-1] == ("after", "condition_not_met")


def test_opt_out_from_a_channel_continues_without_it(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(mail("hello", "1 day"), call("then")))
    lead = practice.capture()
    put(practice, lead)
    with transaction() as session:
        opt_out(session, practice.actor(), lead, channel="email")
    watch.advance(days=1)
    practice.run_due()
    assert came_by(practice, lead) == [("hello", "opted_out_of_channel"), ("then", "done")]


def test_message_deferred_by_quiet_hours_delays_the_next_steps(open_with: OpenWith, watch: Watch):
    """A message due at 3 is sent at 8; the next step counts from there."""
    practice = open_with(sequence(mail("night", "16 hours"), call("then", "1 hour")))
    lead = practice.capture()
    put(practice, lead)
    [night] = practice.steps(lead, name="welcome/night")
    watch.set(night.due_at)
    practice.run_due()
    assert night.due_at > TUESDAY + timedelta(hours=16)
    assert practice.pending(lead)[-1].due_at == night.due_at + timedelta(hours=1)


def test_pause_keeps_the_remaining_wait(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("one", "3 days")))
    lead = practice.capture()
    put(practice, lead)
    watch.advance(days=1)
    act(practice, lead, pause_enrollment)
    watch.advance(days=40)
    practice.run_due()
    assert practice.rows("lead_tasks", lead_id=lead) == []
    act(practice, lead, resume_enrollment)
    assert practice.pending(lead)[-1].due_at == TUESDAY + 43 * DAY
    assert [step.reason for step in practice.steps(lead, name="welcome/one")] == ["paused", None]


def test_task_completed_during_a_pause_counts(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("one", waits=True), call("two", "1 day")))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    act(practice, lead, pause_enrollment)
    practice.complete(practice.row("lead_tasks", lead_id=lead).id)
    assert (way(practice, lead).state, way(practice, lead).step) == ("paused", "two")
    watch.advance(days=5)
    act(practice, lead, resume_enrollment)
    assert practice.pending(lead)[-1].due_at == TUESDAY + 6 * DAY


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("550 5.1.1 No such user", ("exited", "bounced")),
        ("554 5.7.1 We do not like your server", ("active", None)),
    ],
)
def test_unknown_mailbox_ends_the_enrollment_and_a_server_refusal_does_not(
    open_with: OpenWith, smtp: SmtpServer, answer: str, expected: tuple[str, str | None]
):
    smtp.on("rcpt", answer)
    practice = open_with(sequence(mail("hello"), mail("again", "2 days")))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    assert practice.row("notifications", lead_id=lead, template="one").state == "failed"
    assert (way(practice, lead).state, way(practice, lead).reason) == expected


@pytest.mark.parametrize(("act_at_dot", "shown"), [(DROP, (1, 0, "unknown")), ("554 5.7.1 No", (0, 1, "failed"))])
def test_enrollment_shows_undelivered_messages_after_its_end(
    open_with: OpenWith, smtp: SmtpServer, act_at_dot: str, shown: tuple[int, int, str]
):
    smtp.on("dot", act_at_dot)
    practice = open_with(sequence(mail("hello")))
    lead = practice.capture()
    put(practice, lead)
    practice.run_due()
    practice.run(Kind.DELIVER)
    with transaction() as session:
        found = get_enrollment(session, practice.actor(), way(practice, lead).id)
        [listed] = list_enrollments_of_lead(session, practice.actor(), lead, {"limit": 10}).items
    assert found["state"] == "completed"
    [step] = found["steps"]
    assert (found["unknown_messages"], found["failed_messages"], step.message_state) == shown
    assert (listed["unknown_messages"], listed["failed_messages"]) == shown[:2]


def unsubscribe_by_link(practice: Practice, lead: UUID) -> None:
    with transaction() as session:
        preferences.unsubscribe(session, preferences.LinkedLead(lead, practice.clinic_id))


def opt_out_of_email(practice: Practice, lead: UUID) -> None:
    with transaction() as session:
        opt_out(session, practice.actor(), lead, channel="email")


@pytest.mark.parametrize("act", [unsubscribe_by_link, opt_out_of_email])
def test_unsubscribing_ends_a_sequence_that_has_no_other_way(
    open_practice: Callable[..., Practice], act: Callable[[Practice, UUID], None]
):
    only_mails = sequence(mail("hello", "1 day"), mail("again", "1 day"), name="mails")
    with_calls = sequence(mail("hello", "1 day"), call("speak", "1 day"), name="calls")
    practice = open_practice(playbook=playbook(only_mails, with_calls))
    lead, other = practice.capture(), practice.capture()
    put(practice, lead, other, into="mails")
    put(practice, lead, into="calls")

    act(practice, lead)

    found = {(row.lead_id == lead, row.name_of): (row.state, row.reason) for row in _ways()}
    assert found == {
        (True, "mails"): ("exited", "opted_out"),
        (True, "calls"): ("active", None),
        (False, "mails"): ("active", None),
    }
    assert [step.reason for step in practice.steps(lead, name="mails/hello")] == ["opted_out"]


def _ways() -> list[Any]:
    return sql("SELECT e.*, s.slug AS name_of FROM enrollments e JOIN sequences s ON s.id = e.sequence_id")
