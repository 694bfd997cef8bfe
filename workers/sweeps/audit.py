"""Sealing the record of who saw and changed what."""

from sqlalchemy.orm import Session

from app.audit.hash_chain import seal_next


def seal_audit(session: Session) -> int:
    """Seal the next stretch of a clinic's entries."""
    return seal_next(session)
