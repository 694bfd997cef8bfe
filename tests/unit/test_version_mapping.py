"""Mapping of a sequence's steps to another version."""

from typing import Any

import pytest

from app.automation.sequences.versions.version_mapping import MoveKind, Obstacle, map_step
from app.engine.sequences.sequence import Sequence, read_sequence


def sequence_with(*names: str, **more: Any) -> Sequence:
    steps = [{"name": name, "after": "1 day", "wait": {}, **more.get(name, {})} for name in names]
    return read_sequence({"name": "x", "steps": steps})


OLD = sequence_with("a", "b", "c", "d", b={"next": "d"})


@pytest.mark.parametrize(
    ("step", "waits", "new", "steps", "expected"),
    [
        ("a", False, ["a", "z"], {}, (MoveKind.STAY, "a", None)),
        ("a", True, ["z", "a"], {}, (MoveKind.STAY, "a", None)),
        ("a", False, ["z", "b"], {}, (MoveKind.JUMP, "b", None)),
        ("b", False, ["c", "d"], {}, (MoveKind.JUMP, "d", None)),  # b is followed by d, not by c
        ("a", False, ["c"], {}, (MoveKind.CANNOT, None, Obstacle.NOTHING_LEFT)),
        ("c", False, ["z"], {}, (MoveKind.CANNOT, None, Obstacle.NOTHING_LEFT)),
        ("a", True, ["z", "b"], {}, (MoveKind.CANNOT, None, Obstacle.WAITS_FOR_TASK)),
        ("a", True, ["z", "b"], {"a": "z"}, (MoveKind.MOVE, "z", None)),
        ("c", False, ["z"], {"c": "z"}, (MoveKind.MOVE, "z", None)),
        ("c", False, ["z"], {"c": "exit"}, (MoveKind.EXIT, None, None)),
        ("c", False, ["exit"], {"c": "exit"}, (MoveKind.MOVE, "exit", None)),
        ("a", False, ["a"], {"a": "exit"}, (MoveKind.STAY, "a", None)),
    ],
)
def test_step_maps_to_a_step_of_the_new_version(
    step: str, waits: bool, new: list[str], steps: dict[str, str], expected: Any
):
    assert map_step(OLD, sequence_with(*new), step, waits=waits, steps=steps) == expected
