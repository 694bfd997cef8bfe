"""Round robin by lead id, in Python and in SQL, and turns after the user who was chosen last.

By lead id, the turn follows from the id alone, so no counter is stored and no row is locked. Where each choice must
move on to the next user, the last one is stored.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

T = TypeVar("T")

TURNS: Final = 2**31  # a turn fits into PostgreSQL's `integer`

# The same choice as `next_in_rotation`: `team` is an array, `:turn` is `turn_of(lead_id)`. A null team gives null.
NEXT_IN_ROTATION: Final = "team[1 + :turn % cardinality(team)]"


def turn_of(lead_id: UUID) -> int:
    """Return the lead's turn: 0 to 2**31 - 1."""
    return lead_id.int % TURNS


def next_in_rotation(lead_id: UUID, team: Sequence[T]) -> T | None:
    """Return the member of the team who gets the lead; None if the team is empty.

    Order the team by user id, so that every caller chooses the same user.
    """
    return team[turn_of(lead_id) % len(team)] if team else None


def next_in_turn(order: Sequence[UUID], able: Collection[UUID], last: UUID | None) -> UUID | None:
    """Return the next user after `last` who is among `able`, cyclically in this order; None without one."""
    after = order.index(last) + 1 if last in order else 0
    return next((user_id for user_id in (*order[after:], *order[:after]) if user_id in able), None)


@dataclass(slots=True)
class UserTurns:
    """Users who take turns in this order, those of them who are present now, and who was chosen last."""

    order: Sequence[UUID]
    present: Collection[UUID]
    last: UUID | None = None
    is_moved: bool = False

    def take(self) -> UUID | None:
        """Choose the next user who is present; None if nobody is."""
        chosen = next_in_turn(self.order, self.present, self.last)
        if chosen:
            self.last, self.is_moved = chosen, True
        return chosen
