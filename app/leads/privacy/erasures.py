"""The list of erasures, kept outside of the database, and their repetition after a restore.

A backup has the data of people who were erased after it was made.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.core.db import is_among
from app.core.type_aliases import JsonDict
from app.errors import NotFound
from app.identity.actor import Actor
from app.leads.errors import LeadWasMerged
from app.leads.models import Lead
from app.leads.privacy.legal_holds import end_hold
from app.leads.privacy.service import erase_lead

REASON = "Erased before the restore."
_SURVIVOR = aliased(Lead)


def list_erasures(session: Session, since: datetime | None = None) -> Iterator[JsonDict]:
    """Yield the erased leads and their merged duplicates, the oldest first: ids and times only."""
    erased_at = select(Lead.id, Lead.clinic_id, Lead.erased_at).where(Lead.erased_at.is_not(None))
    merged = (
        select(Lead.id, Lead.clinic_id, _SURVIVOR.erased_at)
        .join(_SURVIVOR, _SURVIVOR.id == Lead.merged_into_id)
        .where(_SURVIVOR.erased_at.is_not(None), Lead.erased_at.is_(None))
    )
    both = erased_at.union_all(merged).subquery()
    rows = select(both).order_by(both.c.erased_at, both.c.id)
    if since is not None:
        rows = rows.where(both.c.erased_at >= since)
    for row in session.execute(rows):
        yield {"lead_id": str(row.id), "clinic_id": str(row.clinic_id), "erased_at": row.erased_at.isoformat()}


def remaining_leads(session: Session, lead_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Return id and clinic of those of the leads that are in the database and not erased."""
    left = select(Lead.id, Lead.clinic_id).where(is_among(Lead.id, [*lead_ids]), Lead.erased_at.is_(None))
    return [(row.id, row.clinic_id) for row in session.execute(left)]


def repeat_erasure(session: Session, actor: Actor, lead_id: UUID) -> bool:
    """Erase the lead. Returns whether it was not erased yet.

    A legal hold of the backup had ended before the lead was erased, so it ends again.
    """
    try:
        end_hold(session, actor, lead_id)
        erase_lead(session, actor, lead_id, reason=REASON)
    except (NotFound, LeadWasMerged):  # erased with its survivor
        return False
    return True
