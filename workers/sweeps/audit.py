"""Sealing the record of who saw and changed what."""

from sqlalchemy.orm import Session

from app.audit.hash_chain import extend_chain


def seal_audit(session: Session) -> int:
    """Seal the next stretch of a clinic's entries."""
    return extend_chain(session)
