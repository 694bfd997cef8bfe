"""Contents of the digests that the steps of a batch send."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.models import Kind
from app.identity.clinic_context import ClinicContext
from app.messaging.user_notices.digest import find_waiting
from app.messaging.user_notices.digest_content import NOTHING, DigestContent, load_items, load_week
from app.messaging.user_notices.digest_plans import DAY
from workers.pipeline.claim import ClaimedStep


def load_digests(
    session: Session, rows: Sequence[ClaimedStep], clinics: Mapping[UUID, ClinicContext], *, now: datetime
) -> Mapping[UUID, DigestContent]:
    """Return the contents by step id; no query runs for a batch without digests."""
    sending = [row for row in rows if row.kind == Kind.SEND_DIGEST]
    if not sending:
        return {}
    daily = {row.id: UUID(row.params["user_id"]) for row in sending if row.params["period"] == DAY}
    items = load_items(session, set(daily.values())) if daily else {}
    days = {(row.clinic_id, date.fromisoformat(row.params["day"])) for row in sending if row.id not in daily}
    waiting = find_waiting(session, now) if days else {}
    weeks = {
        (clinic, day): load_week(session, clinics[clinic], day, waiting=waiting.get(clinic, NOTHING))
        for clinic, day in sorted(days)
    }
    return {
        row.id: DigestContent(items=items.get(daily[row.id], ()))
        if row.id in daily
        else DigestContent(week=weeks[row.clinic_id, date.fromisoformat(row.params["day"])])
        for row in sending
    }
