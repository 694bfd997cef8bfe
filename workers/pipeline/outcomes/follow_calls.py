"""Steps that wait for a contact follow the first call, when that is spread to a later time.

A rule counts the wait of such a step from the event. After an import, the call that the same event led to may be due
days later. So the wait counts from the due time of the call, and nobody is told of a call that is not due yet.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.core.db import update_many
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.type_aliases import JsonDict
from app.engine.events.events import OF_MANY, EventName
from app.engine.models import Kind, Step, StepState
from app.engine.outcomes import ExternalCall, Outcome
from app.engine.plan.plan import due_counted_from
from app.engine.steps.moves import FIRST_CALL, move_once

KINDS: Final = (Kind.ESCALATE, Kind.NOTIFY)

_PENDING: Final = text(
    "SELECT id, clinic_id, lead_id, name, due_at, moves, cause FROM steps WHERE lead_id = ANY(:leads)"
    " AND kind = ANY(:kinds) AND state IN ('planned', 'published') AND due_at > :now"
    " AND cause ->> 'event_id' = ANY(:events) AND CAST(:contacted AS text) = ANY(stop_on)"
    " FOR NO KEY UPDATE SKIP LOCKED"
)

Decided: TypeAlias = tuple[StepContext, Outcome | ExternalCall]
_Cause: TypeAlias = tuple[UUID | None, str | None]  # the lead, and the event


class _Call(NamedTuple):
    """The first task of an event that a contact ends."""

    due_at: datetime
    place: int
    context: StepContext


def follow_calls(session: Session, decided: Sequence[Decided], moved: Collection[int]) -> None:
    """Move the pending steps that wait for a contact behind their calls. `moved`: the places of tasks that moved."""
    calls = {cause: call for cause, call in _first_calls(decided).items() if call.place in moved}
    if not calls:
        return
    given = {
        "leads": [lead_id for lead_id, _ in calls],
        "events": [event_id for _, event_id in calls],
        "kinds": list(KINDS),
        "now": min(call.context.now for call in calls.values()),
        "contacted": EventName.LEAD_CONTACTED,
    }
    rows = [row for step in session.execute(_PENDING, given) if (row := _later(session, step, calls))]
    update_many(session, Step, rows, ("due_at", "moves", "state", "published_at"))


def _first_calls(decided: Sequence[Decided]) -> dict[_Cause, _Call]:
    calls: dict[_Cause, _Call] = {}
    for place, (context, end) in enumerate(decided):
        cause = context.step.cause
        if context.step.kind != Kind.CREATE_TASK or not cause.get(OF_MANY):
            continue
        for task in end.effects.tasks:
            key, call = (context.step.lead_id, cause.get("event_id")), _Call(task["due_at"], place, context)
            if task["asks_for_contact"]:
                calls[key] = min(call, calls.get(key, call), key=lambda one: one.due_at)
    return calls


def _later(session: Session, step: Any, calls: Mapping[_Cause, _Call]) -> JsonDict | None:
    """Return the changes of a step whose wait ends too early; None if its rule does not count from the event."""
    call = calls.get((step.lead_id, step.cause["event_id"]))
    if call is None:
        return None
    context, listening = call.context, call.context.rules.listening_to(step.cause["event"])
    rule = next((rule for rule in listening if rule.slug == step.name), None)
    due_at = rule and due_counted_from(rule, call.due_at, context.clinic.calendar, zone=context.lead.timezone)
    moves = due_at and move_once(step.moves, FIRST_CALL, step.due_at, due_at)
    if not moves:
        return None
    note_leads(session, step.clinic_id, LiveKind.STEP_CHANGED, [step.lead_id])
    return {"id": step.id, "due_at": due_at, "moves": moves, "state": StepState.PLANNED, "published_at": None}
