"""Set-up of the clinic with a year of history: users, sources, costs, and the rows of its leads."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from app.automation.playbooks.onboarding import open_clinic
from app.core.calendar.months import add_months
from app.core.db import insert_many, new_id, transaction
from app.core.type_aliases import ColumnDict
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic, Role, User
from app.identity.password_policy import hash_password
from app.identity.service import create_user
from app.leads.assignment.models import AssignmentEntry
from app.leads.attribution.cost_models import SourceCost
from app.leads.attribution.models import LeadSource
from app.leads.attribution.touch_models import Touch
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage
from app.leads.timeline.models import Activity
from app.messaging.models import Notification
from app.messaging.templates import library
from app.ops.demo.history.generate import Place, generate
from app.ops.demo.history.rows import Rows
from app.ops.demo.history.truths import CLINIC, COORDINATORS, DAYS, OTHERS, SLUG, SOURCES, WELCOME, holidays
from app.security.encrypted_fields import encrypt_row
from app.tasks.models import Task

Report = Callable[[str, int, int], None]  # what is done with the leads ("drawn", "written"), of how many, how many
UNFINISHED: Final = f"{SLUG}-unfinished"
TABLES: Final = (Lead, Touch, AssignmentEntry, Activity, Task, Notification)  # in the order of foreign keys
_PARTS: Final = ("touches", "assignments", "activities", "tasks", "notifications")  # of `Rows`, as TABLES after leads
_AT_ONCE: Final = 500  # leads in one transaction
_MONTHS = 12
_COSTS_CHANGE_AFTER = 6  # months


class SignIn(NamedTuple):
    """A user of the clinic who can sign in."""

    email: str
    password: str
    role: str


def has_history(session: Session) -> bool:
    """Return whether the clinic exists and has all of its leads."""
    return session.scalar(select(Clinic.id).where(Clinic.slug == SLUG)) is not None


def create_history(*, leads: int, seed: int, until: datetime, report: Report = lambda *_: None) -> list[SignIn]:
    """Create the clinic with this many leads of the year up to `until`. Returns its users.

    Each transaction is short: drawing 100,000 leads takes minutes, and no transaction may stay idle so long. Until the
    last lead is written, the clinic has another slug; a run that follows an interrupted one begins again.
    """
    with transaction() as session:
        users = _set_up(session, until)
        place = _place(session, Actor.system(load_context(session, _unfinished(session).id)), users)
    rows = generate(place, leads=leads, seed=seed, until=until, report=partial(report, "drawn", leads))
    _insert(rows, partial(report, "written", len(rows.leads)))
    with transaction() as session:
        _unfinished(session).slug = SLUG
        for table in TABLES:
            session.execute(text(f"ANALYZE {table.__tablename__}"))
    return list(users.values())


def _unfinished(session: Session) -> Clinic:
    return session.scalars(select(Clinic).where(Clinic.slug == UNFINISHED)).one()


def _set_up(session: Session, until: datetime) -> Mapping[str, SignIn]:
    """Create the clinic without leads, or empty the one that an interrupted run left. Returns its users."""
    began = until - timedelta(days=DAYS + 1)
    left = session.scalars(select(Clinic).where(Clinic.slug == UNFINISHED)).one_or_none()
    clinic = left or open_clinic(session, **{**CLINIC, "slug": UNFINISHED})
    for table in reversed(TABLES) if left else ():
        session.execute(delete(table).where(table.clinic_id == clinic.id))
    clinic.created_at, clinic.closed_dates = began, sorted(holidays(range(began.year, until.year + 2)))
    users = _create_users(session, clinic.id, began)
    session.flush()
    if left is None:
        library.install(session, clinic.id, {"welcome": WELCOME})
        _write_costs(session, clinic.id, load_context(session, clinic.id).calendar.local(until).date(), until)
    return users


def _create_users(session: Session, clinic_id: UUID, began: datetime) -> Mapping[str, SignIn]:
    roles = {**{one.name: Role.TREATMENT_COORDINATOR for one in COORDINATORS}, **dict(OTHERS)}
    users = {name: SignIn(_email(name), secrets.token_urlsafe(12), role) for name, role in roles.items()}
    left = {user.email: user for user in session.scalars(select(User).where(User.clinic_id == clinic_id))}
    for name, one in users.items():
        if one.email in left:
            left[one.email].password_hash = hash_password(one.password)
        else:
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


def _insert(rows: Rows, report: Callable[[int], None]) -> None:
    """Write some hundreds of leads with all that belongs to them in each transaction, so that no sweep sees a part."""
    of_lead: dict[UUID, dict[str, list[ColumnDict]]] = defaultdict(lambda: defaultdict(list))
    for name in _PARTS:
        for row in getattr(rows, name):
            of_lead[row["lead_id"]][name].append(row)
    for start in range(0, len(rows.leads), _AT_ONCE):
        leads = rows.leads[start : start + _AT_ONCE]
        parts: list[list[ColumnDict]] = [
            [encrypt_row(Lead, row) for row in leads],
            *([row for lead in leads for row in of_lead[lead["id"]][name]] for name in _PARTS),
        ]
        parts[-1] = [encrypt_row(Notification, row) for row in parts[-1]]
        with transaction() as session:
            for model, of_table in zip(TABLES, parts, strict=True):
                of_table.sort(key=lambda row: str(row["id"]))  # as they would have been written
                insert_many(session, model, of_table)
        report(start + len(leads))
