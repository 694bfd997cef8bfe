"""Version mapping: the step of an enrollment in another version of its sequence. Pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from app.engine.sequences.sequence import Sequence

EXIT: Final = "exit"  # instead of a step name: end the enrollment


class MoveKind(StrEnum):
    """How an enrollment moves to another version."""

    STAY = "stay"  # at the step of the same name
    JUMP = "jump"  # its step is removed: to the next one that still exists
    MOVE = "move"  # to the step that the caller named
    EXIT = "exit"
    CANNOT = "cannot"  # it stays in its version


class Obstacle(StrEnum):
    """Why an enrollment cannot move."""

    NOTHING_LEFT = "nothing_left"  # neither its step nor a later one is in the new version
    WAITS_FOR_TASK = "waits_for_task"  # of a removed step
    UNDER_WAY = "under_way"  # its step is running or has failed


class StepMapping(NamedTuple):
    """How an enrollment moves, its new step, and the obstacle if it cannot move."""

    how: MoveKind
    to: str | None = None
    why: Obstacle | None = None


UNDER_WAY: Final = StepMapping(MoveKind.CANNOT, why=Obstacle.UNDER_WAY)


def map_step(old: Sequence, new: Sequence, step: str, *, waits: bool, steps: Mapping[str, str]) -> StepMapping:
    """Map an enrollment at `step` to the new version. `waits`: it waits for the task that this step created.

    `steps` maps steps that have no successor to a step of `new`, or to `exit`. A waiting enrollment keeps waiting, and
    then continues after its new step.
    """
    names = {one.name for one in new.steps}
    if step in names:
        return StepMapping(MoveKind.STAY, step)
    if step in steps:
        return StepMapping(MoveKind.MOVE, steps[step]) if steps[step] in names else StepMapping(MoveKind.EXIT)
    if waits:
        return StepMapping(MoveKind.CANNOT, why=Obstacle.WAITS_FOR_TASK)
    left = next((name for name in _following(old, step) if name in names), None)
    return StepMapping(MoveKind.JUMP, left) if left else StepMapping(MoveKind.CANNOT, why=Obstacle.NOTHING_LEFT)


def _following(sequence: Sequence, step: str) -> Iterator[str]:
    """Yield the steps after this one, ignoring branches."""
    follows = sequence.after(step)
    while follows:
        yield follows.name
        follows = sequence.after(follows.name)
