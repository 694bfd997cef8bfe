"""Order in which the clinics with due steps take turns."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import pytest

from workers.pipeline.due_steps.turns import SMALLEST_SHARE, Turn, Turns

A, B, C = (UUID(int=number) for number in (1, 2, 3))
DUE = datetime(2026, 11, 24, 9, tzinfo=UTC)
CALL, MAIL = "create_task", "send_message"


class Claimed(NamedTuple):
    """A claimed step."""

    clinic_id: UUID
    due_at: datetime = DUE


def due(*clinics: UUID) -> dict[UUID, datetime]:
    return dict.fromkeys(clinics, DUE)


def claimed(clinics: Iterable[UUID]) -> list[Claimed]:
    return [Claimed(clinic) for clinic in clinics]


@pytest.fixture
def turns() -> Turns:
    return Turns([CALL, MAIL])


def test_nothing_is_next_without_due_steps(turns: Turns):
    assert turns.next_kind() is None
    assert turns.share_out(CALL, 100) == Turn(CALL, (), 0)
    assert not turns.is_ahead(A)


@pytest.mark.parametrize(
    ("clinics", "most", "share", "chosen"),
    [
        (1, 100, 100, 1),
        (2, 100, 50, 2),
        (3, 100, 33, 3),
        (50, 100, SMALLEST_SHARE, 10),  # 2 each would make 50 small claims
        (50, 25, SMALLEST_SHARE, 2),
        (3, 1, 1, 1),  # one call to a provider at a time
        (3, 0, 0, 0),  # the message's own steps fill the batch
    ],
)
def test_clinics_share_a_batch(turns: Turns, clinics: int, most: int, share: int, chosen: int):
    turns.update({CALL: due(*(UUID(int=number) for number in range(1, clinics + 1)))})

    turn = turns.share_out(CALL, most)
    assert (turn.share, len(turn.clinics)) == (share, chosen)
    assert turn.share * len(turn.clinics) <= most


def test_clinic_with_the_shortest_time_is_first(turns: Turns):
    turns.update({CALL: due(A, B, C)})
    turns.charge([A, A, A, B], 4.0)  # 3 s and 1 s

    assert list(turns.share_out(CALL, 3).clinics) == [C, B, A][:1]
    assert list(turns.share_out(CALL, 30).clinics) == [C, B, A]
    assert (turns.is_ahead(A), turns.is_ahead(B), turns.is_ahead(C)) == (True, True, False)


def test_new_clinic_starts_with_the_shortest_time_and_goes_first(turns: Turns):
    turns.update({CALL: due(A, B)})
    turns.charge([A], 9.0)
    turns.charge([B], 5.0)

    turns.update({CALL: due(A, B, C)})
    assert list(turns.share_out(CALL, 30).clinics) == [C, B, A]
    turns.charge([C], 1.0)  # 6 s
    assert list(turns.share_out(CALL, 30).clinics) == [B, C, A]


def test_clinic_without_due_steps_is_forgotten(turns: Turns):
    turns.update({CALL: due(A, B)})
    turns.charge([B], 60.0)
    turns.update({CALL: due(A)})
    turns.update({CALL: due(A, B)})

    assert not turns.is_ahead(B)


def test_kind_of_another_clinic_is_next(turns: Turns):
    turns.update({CALL: due(A), MAIL: due(B)})
    turns.charge([A], 1.0)
    assert turns.next_kind() == MAIL

    turns.charge([B], 2.0)
    assert turns.next_kind() == CALL


def test_kinds_of_a_clinic_alternate(turns: Turns):
    turns.update({CALL: due(A), MAIL: due(A)})
    chosen = []
    for _ in range(4):
        chosen.append(turns.next_kind())
        turns.settle(Turn(str(chosen[-1]), [A], 1), claimed([A]))

    assert chosen == [CALL, MAIL, CALL, MAIL]


def test_clinic_with_less_than_its_share_has_no_more_due_steps(turns: Turns):
    turns.update({CALL: due(A, B)})
    turns.settle(Turn(CALL, [A, B], 50), claimed([A] * 50 + [B] * 3))

    assert list(turns.share_out(CALL, 100).clinics) == [A]
    turns.settle(Turn(CALL, [A], 100), [])
    assert turns.next_kind() is None
