"""What the steps of a batch need to know, loaded in a constant number of queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.automation.handlers.context import NO_LINE, StepContext
from app.automation.handlers.messages import write_message
from app.automation.sequences.facts import current_steps, enrollment_facts
from app.engine.active_rules import load_active_rules
from app.engine.rules.conditions import looked_up, single_conditions
from app.engine.rules.lead_facts import fetch_lead_facts
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import sequences_of
from app.engine.step_kind import STEP_KINDS
from app.identity.clinics import load_context
from app.identity.models import User
from app.leads.assignment.coordinators import ActiveUser
from app.leads.facts.template_values import display_names
from app.leads.pipeline.stages import Stages, stages_by_clinic
from app.messaging.models import Notification
from app.messaging.rendering.variants import Template
from app.messaging.templates.library import load_templates
from app.security.encrypted_fields import decrypt_rows
from app.tasks.models import Task
from workers.pipeline.claim import lead_of
from workers.pipeline.contact_context import load_reach
from workers.pipeline.gateways import lines_of


def load(session: Session, rows: Sequence[Row[Any]], *, now: datetime) -> list[StepContext]:
    """The contexts of claimed rows, in their order."""
    clinics = {row.clinic_id: load_context(session, row.clinic_id, row.rules_version) for row in rows}
    people = _people(session, clinics)
    tasks = _by_id(session, Task, _ids(rows, "task_id"))
    notifications = _by_id(session, Notification, _ids(rows, "notification_id"))
    templates = _templates(session, rows)
    reach = load_reach(session, rows, clinics, notifications, now=now)
    lines = lines_of(session, rows, notifications, now=now)
    rules = {clinic_id: load_active_rules(session, clinic) for clinic_id, clinic in clinics.items()}
    more = fetch_lead_facts(session, {row.lead_id for row in rows if row.lead_id}, asked_when_due(rows))
    sequences = {clinic_id: sequences_of(session, clinic) for clinic_id, clinic in clinics.items()}
    enrolled, left_behind = _enrolled(session, rows), _left_behind(session, rows)
    stages = _stages(session, rows)
    names = {clinic_id: display_names(session, clinic) for clinic_id, clinic in clinics.items()}
    return [
        StepContext(
            step=row,
            now=now,
            clinic=clinics[row.clinic_id],
            rules=rules[row.clinic_id],
            lead=lead_of(row),
            task=tasks.get(row.params.get("task_id")),
            notification=notifications.get(row.params.get("notification_id")),
            template=templates.get((row.clinic_id, row.params.get("template"))),
            people=people[row.clinic_id],
            more=more.get(row.lead_id, {}),
            stages=stages.get(row.clinic_id, {}),
            names=names[row.clinic_id],
            write_message=write_message,
            reach=reach.get(row.id),
            line=lines.get(row.id, NO_LINE),
            sequences=sequences[row.clinic_id],
            enrollment=enrolled.get(row.cause.get("enrollment_id"), {}),
            has_left=row.id in left_behind,
        )
        for row in rows
    ]


def bare(row: Row[Any], *, now: datetime) -> StepContext:
    """The context of a step of which no more is known than its row: enough to record that it failed."""
    nothing: Any = None
    return StepContext(
        step=row,
        now=now,
        clinic=nothing,
        rules=RuleSet(),
        lead=nothing,
        task=None,
        notification=None,
        template=None,
        people={},
        names=nothing,
        write_message=write_message,
    )


def _people(session: Session, clinic_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, ActiveUser]]:
    people: dict[UUID, dict[UUID, ActiveUser]] = {clinic_id: {} for clinic_id in clinic_ids}
    found = session.execute(_ACTIVE_USERS, {"clinics": list(people)})
    for row in found:
        people[row.clinic_id][row.id] = ActiveUser(row.id, row.name, row.email, row.role)
    return people


_ACTIVE_USERS = text(
    f"SELECT id, clinic_id, name, email, role FROM {User.__tablename__}"  # noqa: S608
    " WHERE clinic_id = ANY(:clinics) AND is_active ORDER BY id"
)


def asked_when_due(rows: Iterable[Row[Any]]) -> frozenset[str]:
    """The facts of leads that guards and branches of these steps ask for, and that no claim brings along."""
    return looked_up(frozenset(path for row in rows for path in _asked(row)))


def _asked(row: Row[Any]) -> Iterator[str]:
    """The paths that the guard of a step asks about, and that it branches by."""
    for conditions in (*(row.guard or {}).values(), row.params.get("if", ())):
        for condition in conditions:
            yield from (leaf["field"] for leaf in single_conditions(condition))


def _enrolled(session: Session, rows: Iterable[Row[Any]]) -> Mapping[str, Mapping[str, Any]]:
    """By enrollment, what became of its messages, for those steps that ask."""
    of_sequences = (row for row in rows if "enrollment_id" in row.cause)
    asking = [row for row in of_sequences if any(path.startswith("enrollment.") for path in _asked(row))]
    return enrollment_facts(session, {row.cause["enrollment_id"] for row in asking}) if asking else {}


def _left_behind(session: Session, rows: Iterable[Row[Any]]) -> set[UUID]:
    """The steps that their enrollments are no longer at: one that failed, or is tried again, may outlive an end."""
    of_sequences = {row.id: row.cause["enrollment_id"] for row in rows if "enrollment_id" in row.cause}
    return of_sequences.keys() - current_steps(session, {*of_sequences.values()}) if of_sequences else set()


def _stages(session: Session, rows: Iterable[Row[Any]]) -> Mapping[UUID, Stages]:
    """All stages of the clinics whose leads are to be moved."""
    moving = {row.clinic_id for row in rows if STEP_KINDS[row.kind].needs_stages}
    return stages_by_clinic(session, moving) if moving else {}


def _by_id(session: Session, model: Any, ids: set[str]) -> dict[str, Any]:
    if not ids:
        return {}
    table = model.__table__
    found = session.execute(select(table).where(table.c.id.in_(ids)))
    return {str(row.id): row for row in decrypt_rows(model, found)}


def _templates(session: Session, rows: Sequence[Row[Any]]) -> dict[tuple[UUID, str], Template]:
    slugs = _ids(rows, "template")
    return load_templates(session, {row.clinic_id for row in rows}, slugs) if slugs else {}


def _ids(rows: Sequence[Row[Any]], name: str) -> set[str]:
    return {row.params[name] for row in rows if name in row.params}
