"""Steps that wait for a contact count from the due time of the first call, when that is moved to a later time.

A rule counts the wait of such a step from the event. The call that the same event led to may be due days later: it was
spread, its assignee is away, or the rule is applied to leads with such a call. Then the wait counts from the call, and
nobody is told of a call that is not due yet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.calendar.calendar import Calendar
from app.core.db import update_many
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonDict
from app.engine.active_rules import load_active_rules
from app.engine.events.events import EventName
from app.engine.models import Kind, Step, StepState
from app.engine.plan.plan import PlannedStep, due_counted_from
from app.engine.rules.rules import Rule, RuleSet
from app.engine.steps.moves import FIRST_CALL, move_later
from app.identity.clinic_context import ClinicContext

KINDS: Final = (Kind.ESCALATE, Kind.NOTIFY)

# A backfill records an event of its own, by the name of the one that it stands for.
_PENDING: Final = text(
    "SELECT s.id, s.clinic_id, s.lead_id, s.name, s.due_at, s.moves, s.cause, c.due_at AS call_at, c.timezone"
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:ids AS text[]), CAST(:names AS text[]),"
    " CAST(:dues AS timestamptz[]), CAST(:zones AS text[])) AS c(lead_id, event_id, event, due_at, timezone)"
    " JOIN steps AS s ON s.lead_id = c.lead_id"
    " AND (s.cause ->> 'event_id' = c.event_id OR s.cause ? 'job_id' AND s.cause ->> 'event' = c.event)"
    " WHERE s.kind = ANY(:kinds) AND s.state IN ('planned', 'published') AND s.due_at > :now"
    " AND CAST(:contacted AS text) = ANY(s.stop_on) FOR NO KEY UPDATE OF s SKIP LOCKED"
)
_OPEN_CALLS: Final = text(
    "SELECT lead_id, min(due_at) AS due_at FROM lead_tasks WHERE lead_id = ANY(:leads) AND asks_for_contact"
    " AND step_id IS NOT NULL AND status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE') GROUP BY lead_id"
)
# The open calls among these tasks that are the first ones of the event that led to them.
_FIRST_CALLS: Final = text(
    "SELECT t.id, t.lead_id, s.cause ->> 'event_id' AS event_id, s.cause ->> 'event' AS event, l.timezone"
    " FROM lead_tasks AS t JOIN steps AS s ON s.id = t.step_id JOIN leads AS l ON l.id = t.lead_id"
    " WHERE t.id = ANY(:ids) AND t.asks_for_contact AND s.cause ? 'event_id'"
    " AND NOT EXISTS (SELECT FROM lead_tasks AS o"
    " JOIN steps AS p ON p.id = o.step_id WHERE o.lead_id = t.lead_id AND o.id <> t.id AND o.asks_for_contact"
    " AND p.cause ->> 'event_id' = s.cause ->> 'event_id' AND o.due_at < t.due_at)"
)


class FirstCall(NamedTuple):
    """The first task of an event that a contact ends: its due time, and the time zone of its lead."""

    lead_id: UUID
    event_id: str
    event: str  # its name
    due_at: datetime
    timezone: str | None


def count_from_calls(
    session: Session, clinic: ClinicContext, calls: Collection[FirstCall], *, now: datetime, again: bool = False
) -> None:
    """Move the pending steps that wait for a contact behind these calls, which were moved to a later time.

    `again`: also those that were moved behind a call before.
    """
    if not calls:
        return
    given = {
        "leads": [call.lead_id for call in calls],
        "ids": [call.event_id for call in calls],
        "names": [call.event for call in calls],
        "dues": [call.due_at for call in calls],
        "zones": [call.timezone for call in calls],
        "kinds": list(KINDS),
        "contacted": EventName.LEAD_CONTACTED,
    }
    rules = load_active_rules(session, clinic)
    found = session.execute(_PENDING, {**given, "now": now}).all()
    going = [step for step in found if again or not any(move["by"] == FIRST_CALL for move in step.moves or ())]
    rows = [row for step in going if (row := _later(session, step, rules, clinic.calendar))]
    update_many(session, Step, rows, ("due_at", "moves", "state", "published_at"))


def count_from_postponed(
    session: Session, clinic: ClinicContext, due_times: Mapping[UUID, datetime], *, now: datetime
) -> None:
    """Move the pending steps that wait for a contact behind postponed tasks. `due_times`: the new ones, by task id.

    The tasks are not saved yet, and their leads are locked.
    """
    found = session.execute(_FIRST_CALLS, {"ids": list(due_times)})
    calls = [FirstCall(row.lead_id, row.event_id, row.event, due_times[row.id], row.timezone) for row in found]
    count_from_calls(session, clinic, calls, now=now, again=True)


def open_calls(session: Session, rule: Rule, lead_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """Return when the first open call of each lead is due; nothing if the rule does not wait for a contact."""
    if not any(_waits_for_contact(action.kind, action.stop_on) for action in rule.actions):
        return {}
    return {row.lead_id: row.due_at for row in session.execute(_OPEN_CALLS, {"leads": list(lead_ids)})}


def counted_from_call(
    step: PlannedStep, rule: Rule, call_at: datetime, calendar: Calendar, *, zone: str | None
) -> PlannedStep:
    """Return the planned step, counted from the lead's call if that is due later than what it counts from."""
    if not _waits_for_contact(step.kind, step.stop_on):
        return step
    due_at = due_counted_from(rule, call_at, calendar, zone=zone)
    moves = due_at and move_later(step.moves, FIRST_CALL, step.due_at, due_at)
    return replace(step, due_at=due_at, moves=moves) if due_at and moves else step


def _waits_for_contact(kind: str, stop_on: Collection[str]) -> bool:
    return kind in KINDS and EventName.LEAD_CONTACTED in stop_on


def _later(session: Session, step: Any, rules: RuleSet, calendar: Calendar) -> JsonDict | None:
    """Return the changes of a step whose wait ends too early; None if its rule does not count from the event."""
    listening = rules.listening_to(step.cause["event"])
    rule = next((rule for rule in listening if rule.slug == step.name), None)
    due_at = rule and due_counted_from(rule, step.call_at, calendar, zone=step.timezone)
    moves = due_at and move_later(step.moves, FIRST_CALL, step.due_at, due_at)
    if not moves:
        return None
    note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])
    return {"id": step.id, "due_at": due_at, "moves": moves, "state": StepState.PLANNED, "published_at": None}
