"""Active users of a clinic by group, and the ways to choose who does a follow-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.models import Role, User
from app.identity.roles import LEAD_OWNER_ROLES


class AssigneeStrategy(StrEnum):
    """Strategy that chooses the assignee of follow-up tasks."""

    KEEP = "keep"  # the lead's coordinator; round robin if it has none
    ROUND_ROBIN = "round_robin"  # the users named, else the clinic's coordinators
    USER = "user"  # the user named


@dataclass(frozen=True, slots=True)
class UserGroups:
    """Ids of the active users of a clinic; each group is ordered by id."""

    all_ids: frozenset[UUID]
    coordinators: Sequence[UUID]
    admins: Sequence[UUID]

    @property
    def team(self) -> Sequence[UUID]:
        """Users who take turns: coordinators, else admins."""
        return self.coordinators or self.admins


def load_user_groups(session: Session, clinic_id: UUID) -> UserGroups:
    """Load the clinic's active users by group."""
    users = select(User.id, User.role).where(User.clinic_id == clinic_id, User.is_active).order_by(User.id)
    found = session.execute(users).all()
    return UserGroups(
        frozenset(user.id for user in found),
        [user.id for user in found if user.role in LEAD_OWNER_ROLES],
        [user.id for user in found if user.role == Role.CLINIC_ADMIN],
    )
