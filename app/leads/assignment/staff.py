"""Active users of a clinic by group, and the ways to choose who does a follow-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.models import Role, User
from app.identity.users.roles import TAKES_LEADS


class Strategy(StrEnum):
    """Who is to do the follow-ups."""

    KEEP = "keep"  # the lead's coordinator; by rotation while it has none
    ROUND_ROBIN = "round_robin"  # in turn: those named, else the clinic's coordinators
    USER = "user"  # one person


@dataclass(frozen=True, slots=True)
class Staff:
    """The active users of a clinic, each group in a stable order."""

    everybody: frozenset[UUID]
    coordinators: Sequence[UUID]
    admins: Sequence[UUID]

    @property
    def team(self) -> Sequence[UUID]:
        """Those who take turns."""
        return self.coordinators or self.admins


def staff_of(session: Session, clinic_id: UUID) -> Staff:
    """Who works for the clinic now."""
    users = select(User.id, User.role).where(User.clinic_id == clinic_id, User.is_active).order_by(User.id)
    found = session.execute(users).all()
    return Staff(
        frozenset(user.id for user in found),
        [user.id for user in found if user.role in TAKES_LEADS],
        [user.id for user in found if user.role == Role.CLINIC_ADMIN],
    )
