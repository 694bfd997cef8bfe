"""Taking steps: a row lock and the state, so that however often a message comes, one of them finds the step.

Workers wait for nobody. A step whose row or lead is locked is left alone: its own message finds it again in a
moment. So whoever writes a lead never waits longer than one batch, and nobody can deadlock with a worker.
"""

from collections import namedtuple
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, column, text
from sqlalchemy.orm import Session

from app.engine.models import Step
from app.engine.step_kind import STEP_KINDS
from app.leads.events import LazyContact

# What a step may have to know of its lead; everything else about the person stays in the table.
LEAD_COLUMNS = (
    *("status", "pipeline_stage", "lost_suggested_at", "created_at", "deleted_at", "last_activity_at"),
    *("patient_first_name", "patient_last_name", "first_name", "last_name", "timezone"),
    *("language", "lead_value", "custom", "preferred_contact", "source_id", "assigned_to_id", "state", "sealed"),
    *("failed_attempts", "contacted_at", "replied_at", "opted_out_at", "opted_out_channels", "restricted_at"),
    *("social_platform", "social_handle"),
)

_Columns: Any = namedtuple("_Columns", ("id", *LEAD_COLUMNS))  # type: ignore[misc]  # noqa: PYI024  (the fields are the query's)


class LeadView(_Columns, LazyContact):
    """A step's lead, as far as it has to know."""

    __slots__ = ()


_STEP = tuple(Step.__table__.columns.keys())
_LEAD = tuple(f"of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_STEP_SQL = ", ".join(f"s.{name}" for name in _STEP)
_LEAD_SQL = ", ".join(f"l.{name} AS of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_WITH_LEAD = (
    f"SELECT {_STEP_SQL}, {_LEAD_SQL}, c.rules_version FROM steps s JOIN leads l ON l.id = s.lead_id"  # noqa: S608
    " JOIN clinics c ON c.id = s.clinic_id WHERE {which}"
    " AND s.state IN ('planned', 'published') AND s.due_at <= :now ORDER BY s.due_at LIMIT :most"
    " FOR NO KEY UPDATE OF l SKIP LOCKED FOR UPDATE OF s SKIP LOCKED"  # the lead first: who has it keeps no step
)
_WITHOUT_LEAD = (
    f"SELECT {_STEP_SQL}, c.rules_version FROM steps s"  # noqa: S608
    " JOIN clinics c ON c.id = s.clinic_id WHERE {which}"
    " AND s.state IN ('planned', 'published') AND s.due_at <= :now ORDER BY s.due_at LIMIT :most"
    " FOR UPDATE OF s SKIP LOCKED"
)
_OWN, _NEIGHBOURS = "s.id = ANY(:ids)", "s.kind = :kind AND s.id <> ALL(:ids)"
_WAITING = "SELECT id, kind, name, due_at FROM steps WHERE id = ANY(:ids) AND state IN ('planned', 'published')"
_PENDING, _LEFT = text(_WAITING), text(f"{_WAITING} FOR UPDATE SKIP LOCKED")


def claim(
    session: Session, kind: str, ids: Sequence[UUID], *, now: datetime, most: int, alone: bool = False
) -> list[Row[Any]]:
    """Lock due steps, the message's own first, then neighbours of the kind that are due too, unless `alone`."""
    given = {"ids": list(ids), "now": now}
    own = session.execute(_query(kind, _OWN), {**given, "most": most}).all() if ids else []
    if alone or len(own) >= most:
        return list(own)
    given["ids"] = [row.id for row in own]
    more = session.execute(_query(kind, _NEIGHBOURS), {**given, "kind": kind, "most": most - len(own)}).all()
    return [*own, *more]


def lead_of(row: Row[Any]) -> Any:
    """The lead that was claimed along with its step; None for kinds without one."""
    values = row[len(_STEP) : -1]
    return LeadView(*values) if values else None


def left_over(session: Session, ids: Collection[UUID]) -> list[Row[Any]]:
    """The steps of a message that are still to be done and that no other worker has in hand.

    They are not due yet by this clock, or somebody was just writing their lead.
    """
    return list(session.execute(_LEFT, {"ids": list(ids)})) if ids else []


def still_pending(session: Session, ids: Collection[UUID]) -> list[Row[Any]]:
    """Those that are still to be done, whoever may have them in hand."""
    return list(session.execute(_PENDING, {"ids": list(ids)}))


def still_asking(session: Session, step_id: UUID, lease: datetime) -> bool:
    """Lock a step whose answer came; False when it is no longer this asker's to conclude."""
    return session.execute(_STILL_ASKING, {"id": step_id, "lease": lease}).one_or_none() is not None


def _query(kind: str, which: str) -> Any:
    return _QUERIES[STEP_KINDS[kind].has_lead, which]


# Marked `unknown` meanwhile (its lease ran out) is still concluded: an answer is better than none.
_STILL_ASKING = text(
    "SELECT id FROM steps WHERE id = :id AND state IN ('running', 'unknown') AND lease_until = :lease FOR UPDATE"
)
_QUERIES = {  # their columns are named, or SQLAlchemy would look at them anew each time
    (bool(of_lead), which): text(query.format(which=which)).columns(*map(column, (*_STEP, *of_lead, "rules_version")))
    for of_lead, query in ((_LEAD, _WITH_LEAD), ((), _WITHOUT_LEAD))
    for which in (_OWN, _NEIGHBOURS)
}
