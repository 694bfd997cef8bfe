"""Set-up of the clinic with a year of history: users, sources, costs, and the rows of its leads."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.automation.playbooks.onboarding import open_clinic
from app.core.calendar.months import add_months
from app.core.db import insert_many, new_id
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic, Role, User
from app.identity.service import create_user
from app.leads.assignment.models import AssignmentEntry
from app.leads.attribution.cost_models import SourceCost
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage
from app.leads.timeline.models import Activity
from app.messaging.models import Notification
from app.ops.demo.history.generate import Place, generate
from app.ops.demo.history.rows import Rows
from app.ops.demo.history.truths import CLINIC, COORDINATORS, DAYS, OTHERS, SLUG, SOURCES, holidays
from app.security.encrypted_fields import encrypt_row
from app.tasks.models import Task

_AT_ONCE = 5_000  # rows in one statement
_MONTHS = 12
_COSTS_CHANGE_AFTER = 6  # months


class SignIn(NamedTuple):
    """A user of the clinic who can sign in."""

    email: str
    password: str
    role: str


def has_history(session: Session) -> bool:
    """Return whether the clinic exists."""
    return session.scalar(select(Clinic.id).where(Clinic.slug == SLUG)) is not None


def create_history(session: Session, *, leads: int, seed: int, until: datetime) -> list[SignIn]:
    """Create the clinic with this many leads of the year up to `until`. Returns its users."""
    clinic = open_clinic(session, **CLINIC)
    began = until - timedelta(days=DAYS + 1)
    years = range(began.year, until.year + 2)
    clinic.created_at, clinic.closed_dates = began, sorted(holidays(years))
    users = _create_users(session, clinic.id, began)
    session.flush()
    actor = Actor.system(load_context(session, clinic.id))
    _write_costs(session, clinic.id, actor.clinic.calendar.local(until).date(), until)
    _insert(session, generate(_place(session, actor, users), leads=leads, seed=seed, until=until))
    for table in ("leads", "lead_activities", "lead_tasks", "notifications", "lead_touches", "assignment_history"):
        session.execute(text(f"ANALYZE {table}"))
    return list(users.values())


def _create_users(session: Session, clinic_id: UUID, began: datetime) -> Mapping[str, SignIn]:
    roles = {**{one.name: Role.TREATMENT_COORDINATOR for one in COORDINATORS}, **dict(OTHERS)}
    users = {name: SignIn(_email(name), secrets.token_urlsafe(12), role) for name, role in roles.items()}
    for name, one in users.items():
        create_user(session, clinic_id, email=one.email, name=name, role=one.role, password=one.password)
    session.execute(update(User).where(User.clinic_id == clinic_id).values(created_at=began))
    return users


def _email(name: str) -> str:
    return f"{name.split(maxsplit=1)[0].lower()}@harbor.example"


def _place(session: Session, actor: Actor, users: Mapping[str, SignIn]) -> Place:
    clinic_id = actor.clinic.id
    sources = select(LeadSource.name, LeadSource.id).where(LeadSource.clinic_id == clinic_id)
    limits = select(PipelineStage.slug, PipelineStage.max_days_in_stage).where(PipelineStage.clinic_id == clinic_id)
    ids = {row.name: row.id for row in session.execute(select(User.name, User.id).where(User.clinic_id == clinic_id))}
    return Place(
        actor=actor,
        sources={row.name: row.id for row in session.execute(sources)},
        coordinators=[(ids[one.name], one) for one in COORDINATORS if one.name in users],
        limits={row.slug: row.max_days_in_stage for row in session.execute(limits)},
    )


def _write_costs(session: Session, clinic_id: UUID, today: date, at: datetime) -> None:
    """Write the monthly costs of a year, which change once, and the present ones on the sources."""
    months = [add_months(today.replace(day=1), -ago) for ago in (_MONTHS, _MONTHS - _COSTS_CHANGE_AFTER)]
    for source in session.scalars(select(LeadSource).where(LeadSource.clinic_id == clinic_id)):
        costs = SOURCES[source.name].costs
        if costs is None:
            continue
        source.monthly_cost = Decimal(costs[-1])
        for month, cost in zip(months, costs, strict=True):
            row = SourceCost(clinic_id=clinic_id, id=new_id(), source_id=source.id, valid_from=month, written_at=at)
            row.monthly_cost = Decimal(cost)
            session.add(row)
    session.flush()


def _insert(session: Session, rows: Rows) -> None:
    leads = [encrypt_row(Lead, row) for row in rows.leads]
    messages = [encrypt_row(Notification, row) for row in rows.notifications]
    tables = (
        (Lead, leads),
        (Touch, rows.touches),
        (AssignmentEntry, rows.assignments),
        (Activity, rows.activities),
        (Task, rows.tasks),
        (Notification, messages),
    )
    for model, of_table in tables:
        of_table.sort(key=lambda row: str(row["id"]))  # as they would have been written
        for start in range(0, len(of_table), _AT_ONCE):
            insert_many(session, model, of_table[start : start + _AT_ONCE])
