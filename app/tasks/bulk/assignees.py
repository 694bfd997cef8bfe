"""Who does the follow-up of an item. Pure, but for reading who works here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.capture.bulk_schemas import Strategy
from app.identity.models import Role, User
from app.identity.users.roles import TAKES_LEADS
from app.tasks.bulk.spec import Spec

# From an item's place in the job and its lead to whoever does it; None: nobody is there to do it.
Assign: TypeAlias = Callable[[int, Any], UUID | None]


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


def assignment(spec: Spec, staff: Staff) -> Assign:
    """How the items of a job are given out."""
    if spec.strategy is Strategy.KEEP:
        return lambda _, lead: _keep(lead, staff)
    users = [user_id for user_id in spec.users if user_id in staff.everybody] if spec.users else staff.team
    return lambda position, _: users[position % len(users)] if users else None


def _keep(lead: Any, staff: Staff) -> UUID | None:
    """The lead's coordinator; by rotation while it is nobody's, or somebody's who is no longer there."""
    assigned: UUID | None = lead.assigned_to_id
    if assigned in staff.everybody:
        return assigned
    return staff.team[lead.id.int % len(staff.team)] if staff.team else None
