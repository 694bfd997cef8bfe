"""Warnings about tasks given to a user who is away or has too much to do. They stop nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.calendar.calendar import Calendar
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import users_by_id
from app.leads.assignment.models import Absence
from app.leads.assignment.rules.rules import ceilings_of
from app.leads.assignment.rules.ruleset import active_rules
from app.leads.models import IS_OPEN_LEAD, Lead
from app.leads.search.open_task import IS_OPEN_TASK
from app.messaging.rendering.variables import local_time
from app.tasks.models import Task
from app.tasks.workload.spreading import room_between

AnyTask = TypeVar("AnyTask", bound=Any)


class WarningCode(StrEnum):
    """Why a user may not get to a task in time."""

    ABSENT = "absent"  # is away now and when the task is due, or at one of these times
    OVER_CEILING = "over_ceiling"  # has as many open leads as the assignment rules allow, or more
    FULL_DAY = "full_day"  # more tasks are due on that day than fit into the opening hours


class AssignmentWarning(NamedTuple):
    """A warning, with a sentence for users."""

    code: WarningCode
    message: str


def with_warnings(session: Session, actor: Actor, task: AnyTask) -> AnyTask:
    """Add `warnings` to a task that was given to a user, if there are any."""
    session.flush()
    if found := assignment_warnings(session, actor, [task]).get(task.id):
        task.warnings = found
    return task


def assignment_warnings(
    session: Session, actor: Actor, tasks: Sequence[Any]
) -> Mapping[UUID, Sequence[AssignmentWarning]]:
    """Return the warnings about each of these open tasks, by its id. The tasks are written."""
    given = [task for task in tasks if task.assigned_to_id is not None]
    users = {task.assigned_to_id for task in given}
    if not users:
        return {}
    names = {user_id: user.name for user_id, user in users_by_id(session, actor.clinic.id, users).items()}
    away = _absences(session, users, until=max(task.due_at for task in given))
    busy = _over_ceiling(session, actor.clinic, users)
    found: defaultdict[UUID, list[AssignmentWarning]] = defaultdict(list)
    full: dict[tuple[UUID, date], Sequence[AssignmentWarning]] = {}
    calendar = actor.clinic.calendar
    for task in given:
        who, day = task.assigned_to_id, calendar.local(task.due_at).date()
        name = names.get(who, "")
        found[task.id] += _of_absence(name, away[who], task.due_at, calendar)
        if who in busy:
            leads, ceiling = busy[who]
            message = f"{name} has {leads} open leads; the limit is {ceiling}."
            found[task.id].append(AssignmentWarning(WarningCode.OVER_CEILING, message))
        if (who, day) not in full:
            full[who, day] = tuple(_of_day(session, actor.clinic, name=name, user_id=who, day=day))
        found[task.id] += full[who, day]
    return found


def _absences(session: Session, users: Collection[UUID], *, until: datetime) -> Mapping[UUID, Sequence[Any]]:
    """Return the absences of each user that have not ended, and begin before then."""
    current = select(Absence.user_id, Absence.starts_at, Absence.ends_at).where(
        Absence.user_id.in_(users), Absence.ends_at > now(), Absence.starts_at <= max(until, now())
    )
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in session.execute(current.order_by(Absence.ends_at)):
        found[row.user_id].append(row)
    return found


def _of_absence(
    name: str, absences: Sequence[Any], due_at: datetime, calendar: Calendar
) -> Iterator[AssignmentWarning]:
    at = now()
    for absence in absences:
        if any(absence.starts_at <= instant < absence.ends_at for instant in (at, due_at)):
            message = f"{name} is away until {local_time(calendar, absence.ends_at)}."
            yield AssignmentWarning(WarningCode.ABSENT, message)
            return


def _over_ceiling(session: Session, clinic: ClinicContext, users: Collection[UUID]) -> Mapping[UUID, tuple[int, int]]:
    """Return the number of open leads and the ceiling of each user who has reached it."""
    ceilings = {who: most for who, most in ceilings_of(active_rules(session, clinic)).items() if who in users}
    if not ceilings:
        return {}
    counted = select(Lead.assigned_to_id, func.count()).where(
        Lead.clinic_id == clinic.id, Lead.assigned_to_id.in_(ceilings), IS_OPEN_LEAD
    )
    numbers = {row[0]: row[1] for row in session.execute(counted.group_by(Lead.assigned_to_id))}
    return {who: (numbers[who], most) for who, most in ceilings.items() if numbers.get(who, 0) >= most}


def _of_day(
    session: Session, clinic: ClinicContext, *, name: str, user_id: UUID, day: date
) -> Iterator[AssignmentWarning]:
    calendar = clinic.calendar
    begins, ends = (calendar.at_wall_time(one, time.min) for one in (day, day + timedelta(days=1)))
    room = room_between(clinic, begins, ends)
    if not room:
        return  # nobody plans by the hours of a closed day
    of_day = select(func.count()).where(
        Task.assigned_to_id == user_id, Task.due_at >= begins, Task.due_at < ends, IS_OPEN_TASK
    )
    if (number := session.scalar(of_day) or 0) > room:
        message = f"{name} has {number} tasks on {day:%A, %B} {day.day}; {room} fit into the opening hours."
        yield AssignmentWarning(WarningCode.FULL_DAY, message)
