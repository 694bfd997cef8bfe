"""Writing what the steps of a batch did: one statement for each table, however many steps."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy.orm import Session

from app.automation.rules import backfill_job as _backfills  # noqa: F401  (as above)
from app.automation.sequences.enrollments import bulk as _bulk  # noqa: F401  (as above, for jobs that enroll)
from app.automation.sequences.versions import version_moves as _version_moves  # noqa: F401  (and for those that move to a version)
from app.core.db import Base, insert_many, update_many
from app.engine.events.events import Event
from app.engine.jobs.chunks import work_off
from app.engine.outcomes import Ended
from app.engine.service import add_steps, record
from app.identity.clinic_context import ClinicContext
from app.leads.capture.imports import job as _imports  # noqa: F401  (jobs that make leads are known by its being there)
from app.leads.models import Lead
from app.leads.timeline.models import Activity
from app.messaging.gateways.results import note_results
from app.messaging.gateways.throttle import count_calls
from app.messaging.models import Delivery, Notification
from app.tasks.models import Task
from workers.pipeline.advance_sequences import advance_enrollments
from workers.pipeline.context import StepContext
from workers.pipeline.enrollments import carry_out_enrolments
from workers.pipeline.lead_changes import carry_out
from workers.pipeline.recurring import next_steps

INSERTS: dict[str, type[Base]] = {  # in the order their references need
    "tasks": Task,
    "activities": Activity,
    "notifications": Notification,
    "deliveries": Delivery,
}


def write(session: Session, decided: Sequence[tuple[StepContext, Ended]]) -> None:
    """Write the effects of all of them together, and plan what follows from them."""
    for name, model in INSERTS.items():
        insert_many(session, model, _gather(decided, name))
    _update(session, decided)
    if steps := _gather(decided, "steps") + next_steps(decided):
        add_steps(session, steps)
    advance_enrollments(session, decided)
    for clinic, events in _events_by_clinic(decided):
        record(session, clinic, *events)
    carry_out(session, _gather(decided, "changes"))
    carry_out_enrolments(session, _gather(decided, "enrolments"))
    for chunk in _gather(decided, "chunks"):
        work_off(session, chunk)


def _update(session: Session, decided: Sequence[tuple[StepContext, Ended]]) -> None:
    suggestions, states, delivered = (
        _gather(decided, name) for name in ("lost_suggestions", "notification_states", "delivered")
    )
    suggested = ("lost_suggested_at", "lost_suggested_reason")
    update_many(session, Lead, suggestions, suggested, also="version = t.version + 1")
    since = ("attempts", "handed_over_at", "sent_at")
    update_many(session, Notification, states, ("state", "reason", "error"), if_given=since)
    update_many(session, Delivery, delivered, ("outcome", "response", "finished_at"))
    count_calls(session, _gather(decided, "gateway_minutes"))
    note_results(session, _gather(decided, "gateway_results"))


def _gather(decided: Iterable[tuple[StepContext, Ended]], name: str) -> list[Any]:
    of = attrgetter(name)
    return [row for _, end in decided for row in of(end.effects)]


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
