"""Moves of a step's due time: what moved it, from when and to when. Stored with the step, in order. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Reason
from app.engine.outcomes import Snooze
from app.engine.rules.timing import Due

FIRST_CALL: Final = "first_call"  # the first call of the lead was moved to a later time
MOST: Final = 20  # stored moves of a step: the first one and the latest


def moves_of_plan(due: Due) -> list[JsonDict] | None:
    """Return the moves of a planned due time; None if there were none."""
    wanted = due.wanted or due.at
    starts = [wanted, *(move.to for move in due.moves)]
    moves = [_move(move.by, start, move.to) for move, start in zip(due.moves, starts, strict=False)]
    return moves or None


def moves_of_snooze(before: Sequence[JsonObject] | None, due_at: datetime, snooze: Snooze) -> list[JsonDict]:
    """Return the moves so far and those of a snooze. The same cause again continues its last move."""
    moves, start = [dict(move) for move in before or ()], due_at
    for by, to in snooze.moves or ((snooze.reason, snooze.until),):
        if moves and moves[-1]["by"] == by:
            moves[-1]["to"] = to.isoformat()
        else:
            moves.append(_move(by, start, to))
        start = to
    return _shortened(moves)


def moves_by_hand(
    before: Sequence[JsonObject] | None, due_at: datetime, to: datetime, user: JsonObject
) -> list[JsonDict]:
    """Return the moves so far and one by a user; `user` is the id."""
    return _shortened([*(dict(move) for move in before or ()), _move(Reason.BY_HAND, due_at, to) | dict(user)])


def move_later(before: Sequence[JsonObject] | None, by: str, due_at: datetime, to: datetime) -> list[JsonDict] | None:
    """Return the moves so far and one to a later time; None if that is not later."""
    return _shortened([*(dict(move) for move in before or ()), _move(by, due_at, to)]) if to > due_at else None


def _shortened(moves: list[JsonDict]) -> list[JsonDict]:
    return moves if len(moves) <= MOST else [moves[0], *moves[1 - MOST :]]


def _move(by: str, start: datetime, to: datetime) -> JsonDict:
    return {"by": str(by), "from": start.isoformat(), "to": to.isoformat()}
