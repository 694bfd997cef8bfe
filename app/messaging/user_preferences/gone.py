"""Remove destinations that do not exist any more."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.engine.outcomes import GoneDestination
from app.identity.clinics import bump_rules_version
from app.messaging.user_preferences.models import NoticeDestination


def remove_gone_destinations(session: Session, gone: Sequence[GoneDestination]) -> None:
    """Delete these destinations, unless they have another URL now: a browser may have renewed its subscription."""
    for one in gone:
        same = (NoticeDestination.id == one["id"], NoticeDestination.url_blind == one["url_blind"])
        deleted = delete(NoticeDestination).where(*same).returning(NoticeDestination.id)
        if session.scalar(deleted) is not None:
            bump_rules_version(session, one["clinic_id"])
