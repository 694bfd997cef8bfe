"""Round robin by lead id."""

from collections import Counter
from uuid import UUID

import pytest

from app.core.db import new_id
from app.leads.assignment.rotation import next_in_rotation, turn_of

TEAM = ["Ana", "Ben", "Cleo"]


@pytest.mark.parametrize(
    ("lead", "turn", "user"),
    [
        (0, 0, "Ana"),
        (4, 4, "Ben"),  # 4 % 3 = 1
        (2**31 - 1, 2**31 - 1, "Ben"),  # 2147483647 % 3 = 1
        (2**31, 0, "Ana"),  # only the lowest 31 bits count; 2147483648 % 3 would be 2
    ],
)
def test_turn_follows_from_the_lowest_31_bits_of_the_id(lead: int, turn: int, user: str):
    assert turn_of(UUID(int=lead)) == turn
    assert next_in_rotation(UUID(int=lead), TEAM) == user


def test_empty_team_gives_none():
    assert next_in_rotation(new_id(), []) is None


def test_new_ids_are_spread_evenly():
    chosen = Counter(next_in_rotation(new_id(), TEAM) for _ in range(3000))
    assert min(chosen[user] for user in TEAM) > 850  # expected 1000 each, standard deviation 26
