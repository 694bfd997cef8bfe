"""Sequence language: parsing, validation and the order of steps. No database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.automation.language.known_names import KnownNames
from app.automation.language.sequences import Sequence
from app.automation.language.validation import mistakes_in
from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.models import Kind, Reason
from app.engine.sequences.progression import EnrollmentContext, StepResult, plan_step
from app.engine.sequences.sequence import DEFAULT_EXITS, ExitReason, read_sequence

NEW_YORK = ZoneInfo("America/New_York")
TUESDAY = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)  # 11:00 in New York
WEEKDAYS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json(WEEKDAYS))
AN_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KNOWN = KnownNames(templates=frozenset({"hello", "other"}))
MAIL = {"send_message": {"channel": "email", "template": "hello"}}
CALL = {"create_task": {"type": "CALL", "title": "Call"}}

MISSPELT = {"name": "A", "template": "helo"}


def sequence_of(*steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"name": "welcome", "steps": list(steps), **parts}


def planned(step: dict[str, Any], *, at: datetime = TUESDAY, timezone: str | None = None, **more: Any) -> Any:
    sequence = read_sequence(sequence_of(step))
    passage = EnrollmentContext.start(AN_ID, "welcome", {}, timezone=timezone)
    return plan_step(sequence, sequence.first, passage, at=at, calendar=CALENDAR, **more)


def local(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%a %d %H:%M}"


@pytest.mark.parametrize(
    ("step", "due"),
    [
        ({"name": "s", **CALL}, "Tue 10 11:00"),  # at once
        ({"name": "s", "after": "3 days", **CALL}, "Fri 13 11:00"),
        ({"name": "s", "after": {"time": "8 hours", "clock": "business"}, **CALL}, "Wed 11 11:00"),  # 6 h, then 2 h
        ({"name": "s", "after": {"time": "2 days", "at": "09:00"}, **CALL}, "Thu 12 09:00"),
        ({"name": "s", "after": "12 hours", **MAIL}, "Wed 11 08:00"),  # 23:00 is quiet
        ({"name": "s", "after": "12 hours", **CALL}, "Tue 10 23:00"),  # quiet hours do not apply to tasks
    ],
)
def test_step_counts_from_the_end_of_the_previous_step(step: dict[str, Any], due: str):
    assert local(planned(step).due_at) == due


def test_hour_uses_the_leads_zone_when_requested():
    step = {"name": "s", "after": {"time": "1 day", "at": "09:00", "zone": "lead"}, **CALL}
    assert local(planned(step, timezone="America/Los_Angeles").due_at) == "Wed 11 12:00"


def test_step_names_its_sequence_and_enrollment():
    cause = planned({"name": "s", **CALL}).cause
    assert (cause["sequence"], cause["enrollment_id"], cause["step"]) == ("welcome", str(AN_ID), "s")
    assert cause["chain"]["rules"] == ["sequence:welcome"]


def test_label_is_normalized_as_tags_are():
    assert read_sequence(sequence_of({"name": "one", **CALL}, label="Follow-Up")).label == "follow-up"


@given(minutes=st.integers(0, 60 * 24 * 30), days=st.integers(0, 60))
def test_resumed_step_waits_for_the_remaining_time_and_quiet_hours(minutes: int, days: int):
    left, at = timedelta(minutes=minutes), TUESDAY + timedelta(days=days)
    assert planned({"name": "s", "after": "30 days", **CALL}, at=at, left=left).due_at == at + left
    written_at = planned({"name": "s", "after": "30 days", **MAIL}, at=at, left=left).due_at
    assert at + left <= written_at <= at + left + timedelta(hours=12)


@given(st.uuids())
def test_variant_of_an_enrollment_never_changes(id_: UUID):
    variants = [{"name": name, "weight": weight, "template": "hello"} for name, weight in (("A", 3), ("B", 1))]
    sequence = read_sequence(sequence_of({"name": "s", "send_message": {"channel": "email", "variants": variants}}))
    passage = EnrollmentContext.start(id_, "welcome", {})
    chosen = {
        plan_step(sequence, sequence.first, passage, at=at, calendar=CALENDAR).cause["variant"]
        for at in (TUESDAY, TUESDAY + timedelta(days=1))
    }
    assert len(chosen) == 1
    assert chosen <= {"A", "B"}


def test_every_path_ends():
    branch = {"if": [], "then": "b", "else": "end"}
    sequence = read_sequence(
        sequence_of({"name": "a", "branch": branch}, {"name": "b", **CALL, "next": "end"}, {"name": "c", **CALL})
    )
    assert sequence.after("a", "else") is None
    assert sequence.after("a", "then") == sequence.step("b")
    assert sequence.after("b") is None
    assert sequence.after("c") is None


def test_branch_without_else_continues_with_the_next_step():
    sequence = read_sequence(
        sequence_of({"name": "a", "branch": {"if": [], "then": "c"}}, {"name": "b", **CALL}, {"name": "c", **CALL})
    )
    assert sequence.after("a", "else") == sequence.step("b")


def test_missing_parts_have_defaults():
    sequence = read_sequence(sequence_of({"name": "a", **CALL}))
    assert (sequence.exit_on, sequence.goal, sequence.is_exclusive) == (DEFAULT_EXITS, (), False)
    assert (sequence.re_entry.is_allowed, sequence.trigger, sequence.label) == (False, None, None)


def test_trigger_is_a_rule_that_enrolls():
    trigger = read_sequence(sequence_of({"name": "a", **CALL}, enroll={"on": "lead.created", "after": "1 day"})).trigger
    assert trigger is not None
    assert (trigger.slug, trigger.on) == ("sequence:welcome", {"lead.created"})
    assert [(action.kind, action.settings) for action in trigger.actions] == [(Kind.ENROLL, {"sequence": "welcome"})]
    assert "lead.replied" in trigger.actions[0].stop_on


@pytest.mark.parametrize(
    ("reason", "detail", "exit_"),
    [
        (Reason.SUPPRESSED, {}, ExitReason.SUPPRESSED),
        (Reason.NO_ADDRESS, {}, ExitReason.NO_ADDRESS),
        (Reason.INVALID_ADDRESS, {}, ExitReason.INVALID_ADDRESS),
        (Reason.CONVERTED, {}, ExitReason.CONVERTED),
        (Reason.REPLIED, {}, ExitReason.REPLIED),
        (Reason.REPLIED, {"unmet": {"field": "since.replied"}}, None),  # a condition of the step itself
        (Reason.TOO_LATE, {}, None),
        (Reason.SEQUENCE_CAP, {}, None),
    ],
)
def test_skipped_step_is_followed_unless_the_lead_is_closed(
    reason: Reason, detail: dict[str, Any], exit_: ExitReason | None
):
    sequence = read_sequence(sequence_of({"name": "a", **CALL}))
    assert StepResult(sequence, sequence.first, reason, detail).exit == exit_


@pytest.mark.parametrize(
    ("sequence", "place", "hint"),
    [
        (sequence_of(), "steps", "1 to 100"),
        (sequence_of({"name": "a"}), "steps[0]", "one action"),
        (sequence_of({"name": "a", **CALL, **MAIL}), "steps[0]", "one action"),
        (sequence_of({"name": "a", "send_mail": {}}), "steps[0].send_mail", "send_message"),
        (sequence_of({"name": "a", **CALL}, {"name": "a", **CALL}), "steps[1].name", "taken"),
        (sequence_of({"name": "a", **CALL, "next": "b"}, {"name": "c", **CALL}), "steps[0].next", "allowed: c, end"),
        (sequence_of({"name": "a", **CALL}, {"name": "b", **CALL, "next": "a"}), "steps[1].next", "allowed: end"),
        (sequence_of({"name": "a", "wait": {}}), "steps[0].after", "missing"),
        (sequence_of({"name": "a", "remind": {}}), "steps[0].remind", "allowed"),
        (sequence_of({"name": "a", "create_task": {"type": "CALL", "title": "x", "wait_for": "ever"}}),
         "steps[0].create_task.wait_for", "completion"),
        (sequence_of({"name": "a", "send_message": {"channel": "email", "variants": [MISSPELT, MISSPELT]}}),
         "steps[0].send_message.variants[0].template", "hello"),
        (sequence_of({"name": "a", "send_message": {**MAIL["send_message"], "variants": []}}),
         "steps[0].send_message.variants", "2 to 10"),
        (sequence_of({"name": "a", **CALL, "only_if": [{"field": "enrollment.opend", "equals": True}]}),
         "steps[0].only_if[0].field", "enrollment.opened"),
        (sequence_of({"name": "a", **CALL}, enroll={"on": "lead.created", "do": []}), "enroll.do", "allowed"),
        (sequence_of({"name": "a", **CALL}, enroll={"when": []}), "enroll.on", "missing"),
        (sequence_of({"name": "a", **CALL}, exit_on=["message.sent"]), "exit_on[0]", "message.bounced"),
        (sequence_of({"name": "a", **CALL}, re_entry={"after": "soon"}), "re_entry.after", "soon"),
        (sequence_of({"name": "a", **CALL}, exclusiv=True), "exclusiv", "exclusive"),
    ],
)  # fmt: skip
def test_error_names_the_path_and_the_fix(sequence: dict[str, Any], place: str, hint: str):
    found = {mistake.place: mistake.problem for mistake in mistakes_in(Sequence, sequence, KNOWN)}
    assert hint in found.get(place, ""), found


def test_examples_of_the_page_are_valid():
    sequence = sequence_of(
        {"name": "hello", "send_message": {"channel": "email", "variants": [
            {"name": "A", "weight": 50, "template": "hello"}, {"name": "B", "weight": 50, "template": "other"}]}},
        {"name": "opened", "after": "2 days", "branch": {
            "if": [{"field": "enrollment.last_opened", "equals": True}], "then": "call", "else": "again"}},
        {"name": "again", **MAIL, "next": "end", "skip_when_later_than": "2 days"},
        {"name": "call", "after": {"time": "1 day", "clock": "business"},
         "create_task": {"type": "CALL", "title": "Call", "wait_for": "completion"}},
        {"name": "rest", "after": "3 days", "wait": {}},
        {"name": "tell", "call_webhook": {"gateway": "crm"}},
        enroll={"on": ["lead.created"], "when": [{"field": "lead.status", "equals": "NEW"}]},
        goal=["consultation.scheduled", "custom.paid"], re_entry={"after": "90 days"}, exclusive=True,
        label="nurture", priority=50, exit_on=["lead.replied", "lead.opted_out", "message.bounced"],
    )  # fmt: skip
    assert mistakes_in(Sequence, sequence, KNOWN) == []
