"""Claim due steps with a row lock, so that duplicate messages run a step once.

Workers never wait for a lock. A step is skipped if its row or lead is locked, and published again. So a transaction
that writes a lead waits for one batch at most, and no transaction can deadlock with a worker.
"""

from collections import namedtuple
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from sqlalchemy import column, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TextualSelect

from app.automation.handlers.support.context import DueStep
from app.core.db import AnyRow
from app.engine.models import Step
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.holds import IS_HELD, SKIPS_MESSAGES
from app.leads.events import LazyContact

# The columns of a lead that steps may need. All other personal data stays in the table.
LEAD_COLUMNS = (
    *("status", "pipeline_stage", "lost_suggested_at", "created_at", "deleted_at", "last_activity_at"),
    *("patient_first_name", "patient_last_name", "first_name", "last_name", "timezone"),
    *("language", "lead_value", "custom", "preferred_contact", "source_id", "assigned_to_id", "state", "sealed"),
    *("failed_attempts", "contacted_at", "replied_at", "opted_out_at", "opted_out_channels", "restricted_at"),
    *("social_platform", "social_handle"),
)

_Columns: Any = namedtuple("_Columns", ("id", *LEAD_COLUMNS))  # type: ignore[misc]  # noqa: PYI024  (the fields are the query's)


class ClaimedStep(DueStep, Protocol):
    """A claimed row of `steps`, with the rules version of its clinic, and whether its messages are skipped."""

    @property
    def clinic_id(self) -> UUID: ...
    @property
    def rules_version(self) -> int: ...
    @property
    def published_at(self) -> datetime | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def skips_messages(self) -> bool: ...


class PendingStep(Protocol):
    """The columns of a pending step that its wake-up needs, and whether all steps are held."""

    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def is_held(self) -> bool: ...


class LeadView(_Columns, LazyContact):
    """The lead of a step, with `LEAD_COLUMNS` only."""

    __slots__ = ()


_STEP = tuple(Step.__table__.columns.keys())
_MORE = ("rules_version", "skips_messages")
_LEAD = tuple(f"of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_STEP_SQL = ", ".join(f"s.{name}" for name in _STEP)
_LEAD_SQL = ", ".join(f"l.{name} AS of_lead_{name}" for name in ("id", *LEAD_COLUMNS))
_WITH_LEAD = (
    f"SELECT {_STEP_SQL}, {_LEAD_SQL}, c.rules_version, {SKIPS_MESSAGES} AS skips_messages"  # noqa: S608
    " FROM steps s JOIN leads l ON l.id = s.lead_id"
    " JOIN clinics c ON c.id = s.clinic_id WHERE {which}"
    f" AND s.state IN ('planned', 'published') AND s.due_at <= :now AND NOT {IS_HELD} ORDER BY s.due_at LIMIT :most"
    " FOR NO KEY UPDATE OF l SKIP LOCKED FOR UPDATE OF s SKIP LOCKED"  # lock the lead first
)
_WITHOUT_LEAD = (
    f"SELECT {_STEP_SQL}, c.rules_version, {SKIPS_MESSAGES} AS skips_messages FROM steps s"  # noqa: S608
    " JOIN clinics c ON c.id = s.clinic_id WHERE {which}"
    f" AND s.state IN ('planned', 'published') AND s.due_at <= :now AND NOT {IS_HELD} ORDER BY s.due_at LIMIT :most"
    " FOR UPDATE OF s SKIP LOCKED"
)
_OWN, _NEIGHBOURS = "s.id = ANY(:ids)", "s.kind = :kind AND s.id <> ALL(:ids)"
_WAITING = (
    f"SELECT id, kind, name, due_at, {IS_HELD} AS is_held FROM steps"  # noqa: S608
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published')"
)
_PENDING, _LEFT = text(_WAITING), text(f"{_WAITING} FOR UPDATE SKIP LOCKED")


def claim(
    session: Session, kind: str, ids: Sequence[UUID], *, now: datetime, most: int, alone: bool = False
) -> list[ClaimedStep]:
    """Lock up to `most` due steps: those in `ids` first, then, unless `alone`, other due steps of the kind.

    Finds none while the system is held.
    """
    given = {"ids": list(ids), "now": now}
    own = session.execute(_query(kind, _OWN), {**given, "most": most}).all() if ids else []
    if alone or len(own) >= most:
        return cast("list[ClaimedStep]", list(own))
    given["ids"] = [row.id for row in own]
    more = session.execute(_query(kind, _NEIGHBOURS), {**given, "kind": kind, "most": most - len(own)}).all()
    return cast("list[ClaimedStep]", [*own, *more])


def lead_of(row: ClaimedStep) -> Any:
    """Return the lead that was claimed with its step; None for kinds without a lead."""
    values = cast("AnyRow", row)[len(_STEP) : -len(_MORE)]
    return LeadView(*values) if values else None


def lock_unclaimed(session: Session, ids: Collection[UUID]) -> list[PendingStep]:
    """Lock the pending steps of a message that no other worker holds.

    They are not due yet by this clock, or their lead is locked.
    """
    return cast("list[PendingStep]", list(session.execute(_LEFT, {"ids": list(ids)}))) if ids else []


def find_pending(session: Session, ids: Collection[UUID]) -> list[PendingStep]:
    """Return the pending steps of a message, locked or not."""
    return cast("list[PendingStep]", list(session.execute(_PENDING, {"ids": list(ids)})))


def lock_running(session: Session, step_id: UUID, lease: datetime) -> bool:
    """Lock a step after the response to its external call. Returns False if another run has taken the step."""
    return session.execute(_STILL_ASKING, {"id": step_id, "lease": lease}).one_or_none() is not None


def _query(kind: str, which: str) -> TextualSelect:
    return _QUERIES[STEP_KINDS[kind].has_lead, which]


# A step that became `unknown` after its lease expired is concluded too: a late answer is better than none.
_STILL_ASKING = text(
    "SELECT id FROM steps WHERE id = :id AND state IN ('running', 'unknown') AND lease_until = :lease FOR UPDATE"
)
_QUERIES = {  # with named columns SQLAlchemy does not inspect the result each time
    (bool(of_lead), which): text(query.format(which=which)).columns(*map(column, (*_STEP, *of_lead, *_MORE)))
    for of_lead, query in ((_LEAD, _WITH_LEAD), ((), _WITHOUT_LEAD))
    for which in (_OWN, _NEIGHBOURS)
}
