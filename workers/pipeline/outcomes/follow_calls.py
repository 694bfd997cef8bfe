"""Steps that wait for a contact follow the first call, when that is spread to a later time."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.engine.events.events import OF_MANY
from app.engine.models import Kind
from app.engine.outcomes import ExternalCall, Outcome
from app.identity.clinic_context import ClinicContext
from app.tasks.workload.first_calls import FirstCall, count_from_calls

Decided: TypeAlias = tuple[StepContext, Outcome | ExternalCall]


def follow_calls(session: Session, decided: Sequence[Decided], moved: Collection[int]) -> None:
    """Move the pending steps that wait for a contact behind their calls. `moved`: the places of tasks that moved."""
    calls: dict[UUID, list[FirstCall]] = defaultdict(list)
    clinics: dict[UUID, ClinicContext] = {}
    for place, call in _first_calls(decided).values():
        if place in moved:
            clinic = decided[place][0].clinic
            clinics[clinic.id] = clinic
            calls[clinic.id].append(call)
    for clinic_id, clinic in clinics.items():
        count_from_calls(session, clinic, calls[clinic_id], now=min(context.now for context, _ in decided))


def _first_calls(decided: Sequence[Decided]) -> dict[tuple[UUID, str], tuple[int, FirstCall]]:
    """Return the first call by lead and event, with its place."""
    calls: dict[tuple[UUID, str], tuple[int, FirstCall]] = {}
    for place, (context, end) in enumerate(decided):
        cause, lead_id = context.step.cause, context.step.lead_id
        if context.step.kind != Kind.CREATE_TASK or not cause.get(OF_MANY) or "event_id" not in cause or not lead_id:
            continue
        for task in end.effects.tasks:
            call = FirstCall(lead_id, cause["event_id"], cause["event"], task["due_at"], context.lead.timezone)
            known = calls.get((lead_id, call.event_id))
            if task["asks_for_contact"] and (known is None or call.due_at < known[1].due_at):
                calls[lead_id, call.event_id] = place, call
    return calls
