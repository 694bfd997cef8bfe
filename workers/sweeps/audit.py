"""Hash chain of the audit log."""

from sqlalchemy.orm import Session

from app.audit.hash_chain import extend_chain


def extend_audit_chains(session: Session) -> int:
    """Add the next batch of a clinic's audit entries to its hash chain. Returns their number."""
    return extend_chain(session)
