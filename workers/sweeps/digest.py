"""Daily digest to admins."""

from sqlalchemy.orm import Session

from app.messaging import digest

NAME = "send_digests"


def send_digests(session: Session) -> int:
    """Send the digests of the day that were not sent yet. Returns their number."""
    return digest.send_digests(session)
