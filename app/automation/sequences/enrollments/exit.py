"""End enrollments before their last step: by an event, by a rule or by hand. Their pending steps are cancelled."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.labels import remove_labels
from app.automation.sequences.models import IS_LIVE
from app.core.db import AnyRow
from app.engine.events.keys import as_json
from app.engine.models import Reason
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.sequence import ExitReason
from app.identity.clinic_context import ClinicContext

_END: Final = (
    "UPDATE enrollments SET state = 'exited', reason = :reason, ended_at = :now, changed_at = :now"  # noqa: S608
    f" WHERE {IS_LIVE} AND {{which}} RETURNING id, lead_id, step_id, label, reason"
)
_BY_ID: Final = text(_END.format(which="id = ANY(:ids)"))
_OF_LEADS: Final = text(
    _END.format(
        which="sequence_id = :sequence AND EXISTS (SELECT FROM"
        " unnest(CAST(:leads AS uuid[]), CAST(:keys AS text[])) AS w(lead, keys)"
        " WHERE w.lead = lead_id AND (w.keys IS NULL OR key = '' OR CAST(w.keys AS jsonb) ? key))"
        " AND lead_id = ANY(CAST(:leads AS uuid[]))"
    )
)
_ALL_OF_A_LEAD: Final = text(_END.format(which="lead_id = :lead"))
_ALL_IN: Final = text(_END.format(which="sequence_id = :sequence"))
# Ordered by id, to avoid deadlocks.
_LOCK_LEADS: Final = text(
    "SELECT id FROM leads WHERE id IN (SELECT lead_id FROM enrollments"  # noqa: S608
    f" WHERE sequence_id = :sequence AND {IS_LIVE}) ORDER BY id FOR NO KEY UPDATE"
)
_CANCEL_STEPS: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published')"
)


def exit_sequence(
    session: Session,
    clinic: ClinicContext,
    slug: str,
    leads: Sequence[tuple[UUID, Collection[str] | None]],
    *,
    reason: ExitReason,
    at: datetime,
) -> set[UUID]:
    """End these leads' enrollments in the sequence with this slug. The leads are locked. Return those enrolled.

    Beside each lead is what the event was about; None: the whole lead.
    """
    sequence = sequences_of(session, clinic).by_slug.get(slug)
    if sequence is None:
        return set()
    keys = [as_json(keys) for _, keys in leads]
    given = {"leads": [id_ for id_, _ in leads], "keys": keys, "sequence": sequence.id, "reason": reason, "now": at}
    ended = session.execute(_OF_LEADS, given).all()
    cancel_steps_and_labels(session, ended, at=at)
    return {row.lead_id for row in ended}


def end_enrollments(session: Session, ids: Collection[UUID], *, reason: ExitReason, at: datetime) -> None:
    """End those of these enrollments that are live. The enrollments or their leads are locked."""
    if ids:
        cancel_steps_and_labels(
            session, session.execute(_BY_ID, {"ids": list(ids), "reason": reason, "now": at}).all(), at=at
        )


def end_all_of_lead(session: Session, lead_id: UUID, *, reason: ExitReason, at: datetime) -> None:
    """End all enrollments of the lead. The lead is locked."""
    ended = session.execute(_ALL_OF_A_LEAD, {"lead": lead_id, "reason": reason, "now": at}).all()
    cancel_steps_and_labels(session, ended, at=at)


def end_all_in_sequence(session: Session, sequence_id: UUID, *, at: datetime) -> None:
    """Lock the enrolled leads, and end all enrollments of a deleted sequence."""
    session.execute(_LOCK_LEADS, {"sequence": sequence_id})
    given = {"sequence": sequence_id, "reason": ExitReason.SEQUENCE_DELETED, "now": at}
    cancel_steps_and_labels(session, session.execute(_ALL_IN, given).all(), at=at)


def cancel_steps_and_labels(session: Session, ended: Sequence[AnyRow], *, at: datetime) -> None:
    """Cancel the pending steps of ended enrollments, and remove their labels.

    `ended` are rows with `id`, `lead_id`, `step_id`, `label` and `reason`.
    """
    pending = [row.step_id for row in ended if row.step_id]
    if pending:
        # The steps get the first reason, because enrollments that end together mostly share one.
        session.execute(_CANCEL_STEPS, {"ids": pending, "reason": step_reason(ended[0].reason), "now": at})
    remove_labels(session, ended)


def step_reason(reason: str) -> Reason:
    """Return the reason for the pending step of an enrollment that ended for this reason."""
    return Reason(reason) if reason in {*Reason} else Reason.NOT_ENROLLED
