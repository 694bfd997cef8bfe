"""Steps of a lead: past, running and pending, with their causes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Float, case, extract, select
from sqlalchemy.orm import Session

from app.core.db import AnyRow
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import EventRecord, Step, StepState
from app.identity.actor import Actor
from app.leads.search.lookup import read_lead

BY_DUE: Final[list[Key]] = [(Step.due_at, "asc"), (Step.id, "asc")]
RAN: Final = (StepState.DONE, StepState.SKIPPED)

_STEPS: Final = select(
    Step.id,
    Step.lead_id,
    Step.kind,
    Step.name,
    Step.cause,
    Step.params,
    Step.due_at,
    Step.moves,
    Step.state,
    Step.reason,
    Step.outcome,
    Step.attempts,
    Step.error,
    Step.created_at,
    Step.finished_at,
    case((Step.state.in_(RAN), extract("epoch", Step.finished_at - Step.due_at).cast(Float))).label("lateness_seconds"),
)


def automation_of(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """Return a page of the lead's steps, past and pending, by due time. Raises NotFound."""
    read_lead(session, actor, lead_id)
    steps = _STEPS.where(Step.lead_id == lead_id, Step.clinic_id == actor.clinic.id)
    found = page(session, steps, BY_DUE, query)
    return Page(_with_moves(session, found.items), found.next_cursor, found.total_count)


def step_of(session: Session, clinic_id: UUID, step_id: UUID) -> JsonDict:
    """Return one step as `automation_of` lists it. The caller has checked that it may be seen."""
    mine = _STEPS.where(Step.id == step_id, Step.clinic_id == clinic_id)
    [shown] = _with_moves(session, [session.execute(mine).one()])
    return shown


def _with_moves(session: Session, steps: Sequence[AnyRow]) -> list[JsonDict]:
    """Add to each step what moved its due time. Steps of older versions have it in their rule's stored decision."""
    ids = {step.cause["event_id"] for step in steps if step.moves is None and "event_id" in step.cause}
    kept = select(EventRecord.id, EventRecord.decisions).where(EventRecord.id.in_([UUID(event_id) for event_id in ids]))
    decisions = {str(row.id): row.decisions for row in session.execute(kept)} if ids else {}
    return [_shown(step, decisions.get(step.cause.get("event_id"), ())) for step in steps]


def _shown(step: AnyRow, decisions: Sequence[JsonObject]) -> JsonDict:
    cause, planned = step.cause, _planned(step, decisions)
    if step.moves:
        planned = {"wanted_at": step.moves[0]["from"], "moves": step.moves}
    return {
        **step._mapping,  # noqa: SLF001  (the public name of a row as a mapping)
        "rule": cause.get("rule"),
        "rule_version": cause.get("rule_version"),
        "begun_by": cause.get("begun_by"),
        "wanted_at": _instant(planned["wanted_at"]) if "wanted_at" in planned else None,
        "moves": [
            {"by": move["by"], "to": _instant(move["to"]), "user_id": move.get("user_id")}
            for move in planned.get("moves", ())
        ],
    }


def _planned(step: AnyRow, decisions: Sequence[JsonObject]) -> JsonObject:
    """Return the planned step with the same due time; if it was postponed since, the first one of its kind."""
    rule = next((one for one in decisions if one["rule"] == step.cause.get("rule")), {})
    alike = [one for one in rule.get("steps", ()) if one["kind"] == step.kind]
    return next((one for one in alike if _instant(one["due_at"]) == step.due_at), alike[0] if alike else {})


def _instant(stored: str) -> datetime:
    return datetime.fromisoformat(stored)
