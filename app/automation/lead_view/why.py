"""Decision log of a lead: its events, the decisions of the rules, and the resulting steps."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.language import explanations
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import EventRecord, Step
from app.engine.rules.event_log import BACKFILL
from app.errors import NotFound
from app.identity.actor import Actor
from app.leads.search.lookup import read_lead

NEWEST_FIRST: Final[list[Key]] = [(EventRecord.id, "desc")]
_SHOWN: Final = (Step.id, Step.kind, Step.name, Step.state, Step.reason, Step.due_at, Step.finished_at, Step.cause)


def why(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """Return a page of the lead's events, newest first, with the decision of each listening rule.

    `query` may hold `at`, `step`, `rule` and the page's parameters. Raises NotFound.
    """
    read_lead(session, actor, lead_id)
    events = select(EventRecord).where(EventRecord.lead_id == lead_id, EventRecord.clinic_id == actor.clinic.id)
    if "at" in query:
        events = events.where(EventRecord.occurred_at <= query["at"])
    if "step" in query:
        events = events.where(EventRecord.id == _event_of(session, lead_id, query["step"]))
    if "rule" in query:
        events = events.where(EventRecord.decisions.contains([{"rule": query["rule"]}]))
    found = page(session, events, NEWEST_FIRST, query)
    steps = _steps_by_event(session, lead_id, [event.id for event in found.items])
    entries = [_shown(event, steps[str(event.id)], actor.clinic.calendar, query.get("rule")) for event in found.items]
    return Page(entries, found.next_cursor, found.total_count)


def _event_of(session: Session, lead_id: UUID, step_id: UUID) -> UUID:
    cause = session.scalar(select(Step.cause).where(Step.id == step_id, Step.lead_id == lead_id))
    if cause is None or "event_id" not in cause:
        raise NotFound
    return UUID(cause["event_id"])


def _steps_by_event(session: Session, lead_id: UUID, event_ids: Sequence[UUID]) -> Mapping[str, list[AnyRow]]:
    event = Step.cause["event_id"].astext
    wanted = select(*_SHOWN).where(Step.lead_id == lead_id, event.in_([str(one) for one in event_ids]))
    steps: dict[str, list[AnyRow]] = defaultdict(list)
    for step in session.execute(wanted.order_by(Step.due_at, Step.id)):
        steps[step.cause["event_id"]].append(step)
    return steps


def _shown(event: EventRecord, steps: Sequence[AnyRow], calendar: Calendar, rule: str | None) -> JsonDict:
    return {
        "id": event.id,
        "event": event.name,
        "occurred_at": event.occurred_at,
        "backfill_job_id": event.facts.get(BACKFILL, {}).get("job_id"),
        "led_by": (event.chain or {}).get("rules", []),
        "decisions": [
            _decision(decision, event.name, calendar)
            for decision in event.decisions
            if rule is None or decision["rule"] == rule
        ],
        "steps": [
            {**step._mapping, "because": f"{step.name}: {explanations.of_step(step, calendar)}."}  # noqa: SLF001  (public)
            for step in steps
            if rule is None or step.name == rule
        ],
    }


def _decision(decision: JsonObject, event: str, calendar: Calendar) -> JsonDict:
    columns = ("rule", "rule_id", "version", "verdict")
    return {
        **{name: decision.get(name) for name in columns},
        "because": explanations.of_decision(decision, event, calendar),
        "details": {name: value for name, value in decision.items() if name not in columns},
    }
