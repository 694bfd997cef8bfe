"""Workload report: open leads and tasks per user."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Scope
from app.identity.roles import LEAD_OWNER_ROLES
from app.leads.assignment.models import Absence
from app.leads.assignment.rules.rules import ceilings_of
from app.leads.assignment.rules.ruleset import active_rules
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.lookup import visible_to
from app.leads.search.open_task import IS_OPEN_TASK
from app.tasks.lookup import visible_tasks
from app.tasks.models import Task


def workload(session: Session, actor: Actor) -> list[JsonObject]:
    """Return open leads, open tasks, overdue tasks and tasks due today for each coordinator and other user with work.

    Counts only leads that the actor may see. "Today" ends at midnight in the clinic's local time.
    """
    at = now()
    ceilings = ceilings_of(active_rules(session, actor.clinic))
    found = session.execute(_statement(actor, at)).mappings()
    return [{**row, "ceiling": ceilings.get(row["user_id"])} for row in found]


def _statement(actor: Actor, at: datetime) -> Any:
    leads, tasks = _leads(actor), _tasks(actor, at)
    away = select(func.max(Absence.ends_at)).where(
        Absence.user_id == User.id, Absence.starts_at <= at, Absence.ends_at > at
    )
    return (
        select(
            User.id.label("user_id"),
            User.name,
            User.role,
            User.is_active,
            leads.c.open_leads,
            *tasks.c,
            away.scalar_subquery().label("out_of_office_until"),
        )
        .select_from(User)
        .join(leads, true())
        .join(tasks, true())
        .where(User.clinic_id == actor.clinic.id, or_(_coordinates(), leads.c.open_leads > 0, tasks.c.open_tasks > 0))
        .order_by(User.name, User.id)
    )


def _coordinates() -> ColumnElement[bool]:
    return User.role.in_(LEAD_OWNER_ROLES) & User.is_active


def _leads(actor: Actor) -> Any:
    counted = select(func.count().label("open_leads")).select_from(Lead)
    return (
        counted.where(*visible_to(actor), Lead.assigned_to_id == User.id, IS_OPEN_LEAD)
        .correlate(User)
        .lateral("leads_of")
    )


def _tasks(actor: Actor, at: datetime) -> Any:
    """Count by due time only, which the index of a user's open tasks answers without reading rows."""
    calendar = actor.clinic.calendar
    today = calendar.local(at).date()
    begins, ends = (calendar.at_wall_time(day, datetime.min.time()) for day in (today, today + timedelta(days=1)))
    late, of_today = Task.due_at < at, (Task.due_at >= begins) & (Task.due_at < ends)
    counted = select(
        func.count().label("open_tasks"),
        func.count().filter(late).label("overdue_tasks"),
        func.count().filter(of_today).label("due_today"),
    ).select_from(Task)
    if actor.scope is not Scope.ALL:
        counted = counted.join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(actor))
    of_clinic = counted.where(Task.clinic_id == actor.clinic.id)
    return of_clinic.where(Task.assigned_to_id == User.id, IS_OPEN_TASK).correlate(User).lateral("tasks_of")
