"""Legal holds: keep all data of a lead for a legal claim (GDPR, article 17(3)(e))."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import new_id
from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.leads.errors import LeadIsHeld
from app.leads.models import LEGAL_HOLD, Lead
from app.leads.pipeline.lead_state import mark_updated
from app.leads.privacy.models import LegalHold
from app.leads.search.lookup import get_lead, read_lead
from app.security.encrypted_fields import decrypt_rows

_HOLDS_OF: Final = driver_sql("SELECT * FROM legal_holds WHERE lead_id = ANY(CAST(:ids AS uuid[]))")
# Condition for a lead `l`.
IS_NOT_HELD_SQL: Final = "NOT EXISTS (SELECT FROM legal_holds h WHERE h.lead_id = l.id)"


def get_hold(session: Session, actor: Actor, lead_id: UUID) -> LegalHold | None:
    """Return the legal hold of the lead, if there is one. Raises NotFound, LeadWasMerged."""
    read_lead(session, actor, lead_id)
    return _hold_of(session, lead_id)


def place_hold(session: Session, actor: Actor, lead_id: UUID, *, reason: str) -> LegalHold:
    """Place the lead on legal hold, or change the reason. Idempotent.

    Also for leads that are converted or restricted. Raises NotFound, LeadWasMerged.
    """
    lead = get_lead(session, actor, lead_id, lock=True)
    hold = _hold_of(session, lead.id)
    if hold is not None and hold.reason == reason:
        return hold
    at = now()
    if hold is None:
        hold = LegalHold(id=new_id(), clinic_id=lead.clinic_id, lead_id=lead.id)
        hold.placed_by_id, hold.placed_at = actor.user_id, at
        session.add(hold)
    hold.reason = reason
    mark_updated(lead, actor, at)
    _note(session, lead.id, reason)
    return hold


def end_hold(session: Session, actor: Actor, lead_id: UUID) -> None:
    """End the legal hold of the lead, if there is one. Raises NotFound, LeadWasMerged."""
    lead = get_lead(session, actor, lead_id, lock=True)
    hold = _hold_of(session, lead.id)
    if hold is not None:
        session.delete(hold)
        mark_updated(lead, actor, now())
        _note(session, lead.id, None)


def require_not_held(session: Session, lead: Lead) -> None:
    """Check that the lead, which the caller has locked, is not on legal hold. Raises LeadIsHeld."""
    if _hold_of(session, lead.id) is not None:
        raise LeadIsHeld


def move_hold(session: Session, survivor: Lead, duplicate: Lead) -> None:
    """Move the hold of a merged duplicate. If both leads have one, that of the survivor gets both reasons."""
    moved, own = _hold_of(session, duplicate.id), _hold_of(session, survivor.id)
    if moved is None:
        return
    reason = moved.reason
    if own is None:
        moved.lead_id = survivor.id
    else:
        reason = "\n\n".join(dict.fromkeys((own.reason, moved.reason)))
        own.reason, own.placed_at = reason, min(own.placed_at, moved.placed_at)
        session.delete(moved)
    session.flush()
    _note(session, survivor.id, reason)


def with_legal_holds(session: Session, leads: Sequence[JsonDict]) -> Sequence[JsonDict]:
    """Add the field `legal_hold` to these dicts (with `id`), in one query: the hold or None."""
    rows = execute_driver_sql(session, _HOLDS_OF, {"ids": [lead["id"] for lead in leads]}) if leads else ()
    found = {hold.lead_id: hold for hold in decrypt_rows(LegalHold, rows)}
    for lead in leads:
        lead[LEGAL_HOLD] = found.get(lead["id"])
    return leads


def _hold_of(session: Session, lead_id: UUID) -> LegalHold | None:
    return session.scalars(select(LegalHold).where(LegalHold.lead_id == lead_id)).one_or_none()


def _note(session: Session, lead_id: UUID, reason: str | None) -> None:
    """Note it as a change of the lead, so that a later erasure of the lead erases the reason too."""
    audit_log.note_change(session, "lead", [lead_id], act=Act.UPDATE, after={LEGAL_HOLD: reason})
