"""Where an enrollment lands in another version of its sequence. Pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from app.engine.sequences.sequence import Sequence

EXIT: Final = "exit"  # in place of a step: it leaves the sequence


class Landing(StrEnum):
    """What becomes of an enrollment."""

    STAY = "stay"  # at the step of the same name
    JUMP = "jump"  # its step is gone: to the next one that is left
    MOVE = "move"  # to the step that was named for it
    EXIT = "exit"
    CANNOT = "cannot"  # it goes on through its own version


class Obstacle(StrEnum):
    """Why one cannot be moved."""

    NOTHING_LEFT = "nothing_left"  # neither its step nor any that follows is in the new text
    WAITS_FOR_TASK = "waits_for_task"  # of a step that is gone
    UNDER_WAY = "under_way"  # its step is being done, or failed


class Lands(NamedTuple):
    """What becomes of one, the step that it comes to, and why it cannot."""

    how: Landing
    to: str | None = None
    why: Obstacle | None = None


UNDER_WAY: Final = Lands(Landing.CANNOT, why=Obstacle.UNDER_WAY)


def land(old: Sequence, new: Sequence, step: str, *, waits: bool, steps: Mapping[str, str]) -> Lands:
    """Of one that is at `step`, or `waits` for the task that this step made.

    `steps` says of those that could not be moved otherwise where they go: to a step of `new`, or `exit`. One that
    waits goes on waiting, and then comes to what follows that step.
    """
    names = {one.name for one in new.steps}
    if step in names:
        return Lands(Landing.STAY, step)
    if step in steps:
        return Lands(Landing.MOVE, steps[step]) if steps[step] in names else Lands(Landing.EXIT)
    if waits:
        return Lands(Landing.CANNOT, why=Obstacle.WAITS_FOR_TASK)
    left = next((name for name in _following(old, step) if name in names), None)
    return Lands(Landing.JUMP, left) if left else Lands(Landing.CANNOT, why=Obstacle.NOTHING_LEFT)


def _following(sequence: Sequence, step: str) -> Iterator[str]:
    """The steps after that one, where no branch decides otherwise."""
    follows = sequence.after(step)
    while follows:
        yield follows.name
        follows = sequence.after(follows.name)
