"""Turns of users for tasks by rotation, stored for each clinic."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK: Final = text(
    "INSERT INTO task_turns (clinic_id) VALUES (:clinic)"
    " ON CONFLICT (clinic_id) DO UPDATE SET user_id = task_turns.user_id RETURNING user_id"
)
_SAVE: Final = text("UPDATE task_turns SET user_id = :user WHERE clinic_id = :clinic")


def lock_last_turn(session: Session, clinic_id: UUID) -> UUID | None:
    """Return who got the clinic's last task by rotation. No other transaction takes a turn until the commit.

    For several clinics call it in the order of their ids, to avoid deadlocks.
    """
    found: UUID | None = session.execute(_LOCK, {"clinic": clinic_id}).scalar_one()
    return found


def save_turn(session: Session, clinic_id: UUID, user_id: UUID) -> None:
    """Store who got the last task. Call `lock_last_turn` first."""
    session.execute(_SAVE, {"clinic": clinic_id, "user": user_id})
