"""Enrollments of merged leads."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.automation.sequences.enrollments.exit import end_enrollments
from app.automation.sequences.models import IS_LIVE
from app.engine.sequences.sequence import ExitReason

_CONFLICTING: Final = text(
    "SELECT d.id FROM enrollments AS d JOIN enrollments AS s ON s.lead_id = :survivor"  # noqa: S608
    f" AND ((s.sequence_id = d.sequence_id AND s.key = d.key) OR (s.is_exclusive AND d.is_exclusive AND s.{IS_LIVE}))"
    f" WHERE d.lead_id = :duplicate AND d.{IS_LIVE}"
)
_MOVE: Final = text("UPDATE enrollments SET lead_id = :survivor WHERE lead_id = :duplicate")


def merge_enrollments(session: Session, duplicate: UUID, survivor: UUID) -> None:
    """Move the duplicate's enrollments to the survivor.

    A live one ends if the survivor is or was in the same sequence, about the same thing, or if both are exclusive.
    """
    leads = {"duplicate": duplicate, "survivor": survivor}
    end_enrollments(session, session.scalars(_CONFLICTING, leads).all(), reason=ExitReason.MERGED, at=clock.now())
    session.execute(_MOVE, leads)
