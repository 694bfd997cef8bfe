"""History of closed leads: tasks that ended and activities which the clinic does not keep any longer.

Both must be old: the lead was closed, and the task ended or the activity was written, before the time since when the
clinic keeps history. Open leads keep everything, because attempts and conditions are counted from it. So do leads on
legal hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.core.type_aliases import JsonDict
from app.leads.models import CLOSED_AT_SQL, CLOSED_LEAD_SQL
from app.leads.privacy.legal_holds import IS_NOT_HELD_SQL

# Of the lead `l`. A cancelled task has no time of its own for that: it is changed by being cancelled.
_OLD_TASK: Final = (
    "t.lead_id = l.id AND t.status IN ('COMPLETED', 'CANCELLED')"
    " AND coalesce(t.completed_at, t.updated_at) < :kept_since"
)
_OLD_ACTIVITY: Final = "a.lead_id = l.id AND a.occurred_at < :kept_since AND a.created_at < :kept_since"
_CLOSED: Final = f"l.clinic_id = :clinic AND {CLOSED_LEAD_SQL} AND {CLOSED_AT_SQL} < :kept_since"
_PLACE: Final = f"({CLOSED_AT_SQL}, l.id)"
_AFTER: Final = f"{_PLACE} > (CAST(:closed_at AS timestamptz), CAST(:id AS uuid))"

# Subqueries with a count or a LIMIT: a planner may turn EXISTS into a scan of all tasks and activities.
_COUNT: Final = text(
    "SELECT coalesce(sum(old.tasks), 0)::bigint AS tasks, coalesce(sum(old.activities), 0)::bigint AS activities"  # noqa: S608  (constants)
    " FROM leads l CROSS JOIN LATERAL ("
    f"SELECT (SELECT count(*) FROM lead_tasks t WHERE {_OLD_TASK}) AS tasks,"
    f" (SELECT count(*) FROM lead_activities a WHERE {_OLD_ACTIVITY}) AS activities) AS old"
    f" WHERE {_CLOSED} AND {IS_NOT_HELD_SQL}"
)
_LAST: Final = text(
    f"SELECT {CLOSED_AT_SQL} AS closed_at, l.id FROM leads l WHERE {_CLOSED}"  # noqa: S608  (constants)
    f" AND {_AFTER} ORDER BY {CLOSED_AT_SQL}, l.id OFFSET :most - 1 LIMIT 1"
)
_LOCK: Final = text(
    f"SELECT {CLOSED_AT_SQL} AS closed_at, l.id FROM leads l WHERE {_CLOSED} AND {IS_NOT_HELD_SQL}"  # noqa: S608  (constants)
    f" AND {_AFTER} AND {_PLACE} <= (:until, :until_id)"
    f" AND ((SELECT true FROM lead_tasks t WHERE {_OLD_TASK} LIMIT 1) IS NOT NULL"
    f" OR (SELECT true FROM lead_activities a WHERE {_OLD_ACTIVITY} LIMIT 1) IS NOT NULL)"
    f" ORDER BY {CLOSED_AT_SQL}, l.id LIMIT :most FOR NO KEY UPDATE OF l SKIP LOCKED"
)


def _delete(table: str, alias: str, condition: str) -> TextClause:
    """Return the statement that deletes a batch of old rows of these locked leads."""
    return text(
        f"WITH old AS (SELECT found.id FROM leads l CROSS JOIN LATERAL ("  # noqa: S608  (constants)
        f"SELECT {alias}.id FROM {table} {alias} WHERE {condition} LIMIT :most) AS found"
        f" WHERE l.id = ANY(:leads) AND {IS_NOT_HELD_SQL} LIMIT :most)"
        f" DELETE FROM {table} AS {alias} USING old WHERE {alias}.id = old.id RETURNING {alias}.id"
    )


_DELETE_TASKS: Final = _delete("lead_tasks", "t", _OLD_TASK)
_DELETE_ACTIVITIES: Final = _delete("lead_activities", "a", _OLD_ACTIVITY)
# Rows that stay keep no id of a deleted task or activity.
_UNLINK_TASKS: Final = text(
    "UPDATE lead_activities SET task_id = NULL WHERE lead_id = ANY(:leads) AND task_id = ANY(:ids)"
)
_UNLINK_ACTIVITIES: Final = text(
    "UPDATE lead_tasks SET activity_id = CASE WHEN activity_id = ANY(:ids) THEN NULL ELSE activity_id END,"
    " related_activity_id = CASE WHEN related_activity_id = ANY(:ids) THEN NULL ELSE related_activity_id END"
    " WHERE lead_id = ANY(:leads) AND (activity_id = ANY(:ids) OR related_activity_id = ANY(:ids))"
)


@dataclass(frozen=True, slots=True)
class OldHistory:
    """Numbers of tasks and activities."""

    tasks: int = 0
    activities: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of a clinic's closed leads: when the lead was closed, and its id."""

    closed_at: Any
    id: UUID


FIRST: Final = Place("-infinity", UUID(int=0))


@dataclass(frozen=True, slots=True)
class ClosedLeads:
    """The leads of a clinic that were closed before the time since when it keeps history, after a place."""

    clinic_id: UUID
    kept_since: datetime
    after: Place

    def parameters(self) -> JsonDict:
        """Return the parameters of the statements."""
        place = {"closed_at": self.after.closed_at, "id": self.after.id}
        return {"clinic": self.clinic_id, "kept_since": self.kept_since, **place}


def kept_since(days: int) -> datetime:
    """Return the time since when a clinic keeps the history of closed leads."""
    return clock.now() - timedelta(days=days)


def count_old_history(session: Session, clinic_id: UUID, *, kept_since: datetime) -> OldHistory:
    """Count all tasks and activities of the clinic that are not kept any longer."""
    row = session.execute(_COUNT, {"clinic": clinic_id, "kept_since": kept_since}).one()
    return OldHistory(row.tasks, row.activities)


def next_closed_leads(session: Session, closed: ClosedLeads, *, most: int) -> Place | None:
    """Return the place of the last one of the next closed leads; None if there are fewer."""
    row = session.execute(_LAST, {**closed.parameters(), "most": most}).one_or_none()
    return Place(row.closed_at, row.id) if row else None


def lock_leads_with_old_history(
    session: Session, closed: ClosedLeads, *, until: Place | None, most: int
) -> Sequence[Place]:
    """Lock the next closed leads with old tasks or activities, and return their places. Locked leads are left out."""
    last = until or Place(closed.kept_since, FIRST.id)
    given = {**closed.parameters(), "until": last.closed_at, "until_id": last.id, "most": most}
    return [Place(row.closed_at, row.id) for row in session.execute(_LOCK, given)]


def delete_history(session: Session, lead_ids: Sequence[UUID], *, kept_since: datetime, most: int) -> OldHistory:
    """Delete up to `most` old tasks and as many old activities of these locked leads.

    A lead that was placed on hold after the statement that locked it had begun keeps them.
    """
    given = {"leads": list(lead_ids), "kept_since": kept_since, "most": most}
    tasks, activities = (session.scalars(one, given).all() for one in (_DELETE_TASKS, _DELETE_ACTIVITIES))
    for unlink, ids in ((_UNLINK_TASKS, tasks), (_UNLINK_ACTIVITIES, activities)):
        if ids:
            session.execute(unlink, {"leads": given["leads"], "ids": list(ids)})
    return OldHistory(len(tasks), len(activities))
