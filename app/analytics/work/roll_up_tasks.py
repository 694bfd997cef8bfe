"""Sweep: count the tasks due on past days, and count them again after changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.analytics.periods import Days, days_from
from app.analytics.work.models import WITHOUT_TYPES
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow
from app.identity.clinics import load_context
from app.tasks.models import TaskStatus

NAME: Final = "roll_up_tasks"
SETTLED: Final = timedelta(hours=24)  # after its end; the trigger notes changes of tasks that are due half as long ago
DAYS_AT_ONCE: Final = 62
_LONGEST_DAY: Final = timedelta(hours=25)
_EARLIEST: Final = timedelta(days=5 * 366)  # tasks that were due before are read live

# A clinic with changes, or with days that are over and not counted.
_NEXT_CLINIC: Final = text(
    "SELECT c.id, rolled.ends_at AS rolled_up_to, first_due_at,"  # noqa: S608  (constants)
    " rolled.timezone <> c.timezone AS is_outdated, now() AS database_time"
    " FROM clinics c LEFT JOIN LATERAL (SELECT d.timezone, d.ends_at FROM task_rollup_days d"
    " WHERE d.clinic_id = c.id ORDER BY d.starts_at DESC LIMIT 1) AS rolled ON true"
    " LEFT JOIN LATERAL (SELECT t.due_at AS first_due_at FROM lead_tasks t WHERE t.clinic_id = c.id"
    " AND t.due_at >= :earliest AND t.status <> 'CANCELLED' AND t.deleted_at IS NULL"
    " ORDER BY t.due_at LIMIT 1) AS first ON rolled.ends_at IS NULL"
    " WHERE coalesce(rolled.ends_at, first_due_at) < least(:settled, now() - interval '49 hours')"
    " OR EXISTS (SELECT FROM task_rollup_changes ch WHERE ch.clinic_id = c.id) OR rolled.timezone <> c.timezone"
    f" OR (SELECT true FROM task_rollup_days d WHERE d.clinic_id = c.id AND {WITHOUT_TYPES} LIMIT 1)"
    " ORDER BY random() LIMIT 1"
)
_CHANGED_DAYS: Final = text(
    "SELECT d.starts_at, d.ends_at FROM task_rollup_days d WHERE d.clinic_id = :clinic"  # noqa: S608  (constants)
    f" AND ({WITHOUT_TYPES} OR EXISTS (SELECT FROM task_rollup_changes ch WHERE ch.clinic_id = :clinic"
    " AND ch.due_at >= d.starts_at AND ch.due_at < d.ends_at)) ORDER BY d.starts_at LIMIT :most"
)
_DAYS: Final = "unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS day(starts_at, ends_at)"
_FORGET_CHANGES: Final = text(
    f"DELETE FROM task_rollup_changes ch USING {_DAYS} WHERE ch.clinic_id = :clinic"  # noqa: S608  (constants)
    " AND ch.due_at >= day.starts_at AND ch.due_at < day.ends_at"
)
# Changes of days that are in no rollup.
_FORGET_OTHER_CHANGES: Final = text(
    "DELETE FROM task_rollup_changes ch WHERE ch.clinic_id = :clinic AND NOT EXISTS (SELECT FROM task_rollup_days d"
    " WHERE d.clinic_id = :clinic AND d.starts_at <= ch.due_at AND d.ends_at > ch.due_at)"
)
_FORGET_DAYS: Final = text("DELETE FROM task_rollup_days WHERE clinic_id = :clinic")


def _arrays(condition: str, key: str) -> str:
    """Return the SQL of four arrays with the same order: the keys, and their three numbers."""
    columns = (key, "tasks", "completed", "on_time")
    return ", ".join(f"coalesce(array_agg({one}) FILTER (WHERE {condition}), '{{}}')" for one in columns)


_COUNT: Final = text(f"""
INSERT INTO task_rollup_days AS d (clinic_id, starts_at, ends_at, timezone, rolled_up_at, assignees, tasks, completed,
    on_time, types_rolled_up_at, types, tasks_of_types, completed_of_types, on_time_of_types)
SELECT :clinic, day.starts_at, day.ends_at, :timezone, :now, {_arrays("assignee IS NOT NULL", "assignee")},
    :now, {_arrays("type IS NOT NULL", "type")}
FROM {_DAYS} LEFT JOIN LATERAL (
    SELECT t.assigned_to_id AS assignee, t.type, count(*) AS tasks,
        count(*) FILTER (WHERE t.status = '{TaskStatus.COMPLETED}') AS completed,
        count(*) FILTER (WHERE t.status = '{TaskStatus.COMPLETED}' AND t.completed_at <= t.due_at) AS on_time
    FROM lead_tasks t WHERE t.clinic_id = :clinic AND t.due_at >= day.starts_at AND t.due_at < day.ends_at
        AND t.status <> 'CANCELLED' AND t.deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM leads l WHERE l.id = t.lead_id AND l.clinic_id = :clinic
            AND l.deleted_at IS NOT NULL)
    GROUP BY GROUPING SETS ((t.assigned_to_id), (t.type))
) AS of_one ON true
GROUP BY day.starts_at, day.ends_at
ON CONFLICT (clinic_id, starts_at) DO UPDATE SET rolled_up_at = excluded.rolled_up_at, assignees = excluded.assignees,
    tasks = excluded.tasks, completed = excluded.completed, on_time = excluded.on_time,
    types_rolled_up_at = excluded.types_rolled_up_at, types = excluded.types, tasks_of_types = excluded.tasks_of_types,
    completed_of_types = excluded.completed_of_types, on_time_of_types = excluded.on_time_of_types
""")  # noqa: S608  (constants)


def roll_up_next_clinic(session: Session) -> int:
    """Count the changed days and the next past days of a clinic. Returns the number of days; 0 if all are counted."""
    at = clock.now()
    times = {"settled": at - SETTLED - _LONGEST_DAY, "earliest": at - _EARLIEST}
    clinic = session.execute(_NEXT_CLINIC, times).one_or_none()
    if clinic is None:
        return 0
    if clinic.is_outdated:  # its days have other ends now
        session.execute(_FORGET_DAYS, {"clinic": clinic.id})
        return 1
    calendar = load_context(session, clinic.id).calendar
    changed = session.execute(_CHANGED_DAYS, {"clinic": clinic.id, "most": DAYS_AT_ONCE}).all()
    new = [(day.since, day.until) for day in _new_days(calendar, clinic, min(at, clinic.database_time) - SETTLED)]
    session.execute(_FORGET_OTHER_CHANGES, {"clinic": clinic.id})
    _count(session, clinic.id, calendar, [*changed, *new])
    return max(len(changed) + len(new), 1)


def _new_days(calendar: Calendar, clinic: AnyRow, settled: datetime) -> list[Days]:
    """Return the next days that are over, from the day of the first due time on."""
    since = clinic.rolled_up_to or clinic.first_due_at
    if since is None:
        return []
    return [
        day for day in islice(days_from(calendar.local(since).date(), calendar), DAYS_AT_ONCE) if day.until <= settled
    ]


def _count(session: Session, clinic_id: UUID, calendar: Calendar, days: Sequence[tuple[datetime, datetime]]) -> None:
    """Count the tasks of the days. A change that is committed meanwhile keeps its note, and counts them again."""
    if not days:
        return
    starts, ends = (list(one) for one in zip(*days, strict=True))
    of_clinic = {"clinic": clinic_id, "starts": starts, "ends": ends}
    session.execute(_FORGET_CHANGES, of_clinic)
    session.execute(_COUNT, {**of_clinic, "timezone": calendar.zone.key, "now": clock.now()})
