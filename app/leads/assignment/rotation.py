"""Round robin by lead id, in Python and in SQL.

The turn follows from the lead's id alone, so no counter is stored and no row is locked.
"""

from collections.abc import Sequence
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
