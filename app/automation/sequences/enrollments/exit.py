"""Leaving a sequence before its end: by what happens, by a rule, by hand. What is planned is called off with it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.labels import take_off
from app.automation.sequences.models import IS_LIVE
from app.engine.models import Reason
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.sequence import ExitReason
from app.identity.clinic_context import ClinicContext

_END: Final = (
    "UPDATE enrollments SET state = 'exited', reason = :reason, ended_at = :now, changed_at = :now"  # noqa: S608
    f" WHERE {IS_LIVE} AND {{which}} RETURNING id, lead_id, step_id, label, reason"
)
_BY_ID: Final = text(_END.format(which="id = ANY(:ids)"))
_OF_LEADS: Final = text(_END.format(which="lead_id = ANY(:leads) AND sequence_id = :sequence"))
_ALL_OF_A_LEAD: Final = text(_END.format(which="lead_id = :lead"))
_ALL_IN: Final = text(_END.format(which="sequence_id = :sequence"))
# In the order of their ids, as everybody who locks several.
_LOCK_LEADS: Final = text(
    "SELECT id FROM leads WHERE id IN (SELECT lead_id FROM enrollments"  # noqa: S608
    f" WHERE sequence_id = :sequence AND {IS_LIVE}) ORDER BY id FOR NO KEY UPDATE"
)
_CALL_OFF: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published')"
)


def leave(
    session: Session,
    clinic: ClinicContext,
    slug: str,
    lead_ids: Collection[UUID],
    *,
    reason: ExitReason,
    at: datetime,
) -> set[UUID]:
    """Take these leads, which are locked, out of the sequence of that name; returns those that were in it."""
    sequence = sequences_of(session, clinic).by_slug.get(slug)
    if sequence is None:
        return set()
    given = {"leads": list(lead_ids), "sequence": sequence.id, "reason": reason, "now": at}
    ended = session.execute(_OF_LEADS, given).all()
    clear_up(session, ended, at=at)
    return {row.lead_id for row in ended}


def end(session: Session, ids: Collection[UUID], *, reason: ExitReason, at: datetime) -> None:
    """End these enrollments, as far as they are live; their leads, or they themselves, are locked."""
    if ids:
        clear_up(session, session.execute(_BY_ID, {"ids": list(ids), "reason": reason, "now": at}).all(), at=at)


def end_all_of(session: Session, lead_id: UUID, *, reason: ExitReason, at: datetime) -> None:
    """The lead, which is locked, is in no sequence any more."""
    ended = session.execute(_ALL_OF_A_LEAD, {"lead": lead_id, "reason": reason, "now": at}).all()
    clear_up(session, ended, at=at)


def end_all_in(session: Session, sequence_id: UUID, *, at: datetime) -> None:
    """The sequence is gone: nobody is in it any more."""
    session.execute(_LOCK_LEADS, {"sequence": sequence_id})
    given = {"sequence": sequence_id, "reason": ExitReason.SEQUENCE_DELETED, "now": at}
    clear_up(session, session.execute(_ALL_IN, given).all(), at=at)


def clear_up(session: Session, ended: Sequence[Row[Any]], *, at: datetime) -> None:
    """Call off what these had planned (rows with id, lead_id, step_id, label and reason), and take off their labels."""
    pending = [row.step_id for row in ended if row.step_id]
    if pending:
        # They ended together, for one reason mostly; the enrollment has its own.
        session.execute(_CALL_OFF, {"ids": pending, "reason": _of_step(ended[0].reason), "now": at})
    take_off(session, ended)


def _of_step(reason: str) -> Reason:
    return Reason(reason) if reason in {*Reason} else Reason.NOT_ENROLLED
