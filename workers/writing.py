"""Writing what the steps of a batch did: one statement for each table, however many steps."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.events import Event
from app.automation.service import add_steps, record
from app.bulk.chunks import work_off
from app.db import insert_many, to_json
from workers.context import StepContext
from workers.outcomes import Ended

INSERTS = {  # in the order their references need
    "tasks": "lead_tasks",
    "activities": "lead_activities",
    "notifications": "notifications",
    "deliveries": "deliveries",
}
UPDATES = {
    "lost_suggestions": text(
        "UPDATE leads AS t SET lost_suggested_at = r.lost_suggested_at,"
        " lost_suggested_reason = r.lost_suggested_reason, version = t.version + 1"
        " FROM jsonb_populate_recordset(NULL::leads, CAST(:rows AS jsonb)) AS r WHERE t.id = r.id"
    ),
    "notification_states": text(
        "UPDATE notifications AS t SET state = r.state, reason = r.reason, error = r.error,"
        " attempts = coalesce(r.attempts, t.attempts), sent_at = coalesce(r.sent_at, t.sent_at)"
        " FROM jsonb_populate_recordset(NULL::notifications, CAST(:rows AS jsonb)) AS r WHERE t.id = r.id"
    ),
    "delivered": text(
        "UPDATE deliveries AS t SET outcome = r.outcome, response = r.response, finished_at = r.finished_at"
        " FROM jsonb_populate_recordset(NULL::deliveries, CAST(:rows AS jsonb)) AS r WHERE t.id = r.id"
    ),
}


def write(session: Session, decided: Sequence[tuple[StepContext, Ended]]) -> None:
    """Write the effects of all of them together, and plan what follows from them."""
    for name, table in INSERTS.items():
        insert_many(session, table, _gather(decided, name))
    for name, statement in UPDATES.items():
        _update(session, statement, _gather(decided, name))
    if steps := _gather(decided, "steps"):
        add_steps(session, steps)
    for clinic, events in _events_by_clinic(decided):
        record(session, clinic, *events)
    for chunk in _gather(decided, "chunks"):
        work_off(session, chunk)


def _gather(decided: Iterable[tuple[StepContext, Ended]], name: str) -> list[Any]:
    of = attrgetter(name)
    return [row for _, end in decided for row in of(end.effects)]


def _update(session: Session, statement: TextClause, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(statement, {"rows": to_json(rows)})


def _events_by_clinic(
    decided: Iterable[tuple[StepContext, Ended]],
) -> Iterable[tuple[ClinicContext, list[Event]]]:
    clinics: dict[Any, ClinicContext] = {}
    events: dict[Any, list[Event]] = defaultdict(list)
    for context, end in decided:
        if end.effects.events:
            clinics[context.clinic.id] = context.clinic
            events[context.clinic.id] += end.effects.events
    return [(clinics[clinic_id], found) for clinic_id, found in events.items()]
