"""Where an enrollment lands in another version of its sequence."""

from typing import Any

import pytest

from app.automation.sequences.versions.version_mapping import Landing, Obstacle, land
from app.engine.sequences.sequence import Sequence, read_sequence


def text(*names: str, **more: Any) -> Sequence:
    steps = [{"name": name, "after": "1 day", "wait": {}, **more.get(name, {})} for name in names]
    return read_sequence({"name": "x", "steps": steps})


OLD = text("a", "b", "c", "d", b={"next": "d"})


@pytest.mark.parametrize(
    ("step", "waits", "new", "steps", "expected"),
    [
        ("a", False, ["a", "z"], {}, (Landing.STAY, "a", None)),
        ("a", True, ["z", "a"], {}, (Landing.STAY, "a", None)),
        ("a", False, ["z", "b"], {}, (Landing.JUMP, "b", None)),
        ("b", False, ["c", "d"], {}, (Landing.JUMP, "d", None)),  # c is not what follows b
        ("a", False, ["c"], {}, (Landing.CANNOT, None, Obstacle.NOTHING_LEFT)),
        ("c", False, ["z"], {}, (Landing.CANNOT, None, Obstacle.NOTHING_LEFT)),
        ("a", True, ["z", "b"], {}, (Landing.CANNOT, None, Obstacle.WAITS_FOR_TASK)),
        ("a", True, ["z", "b"], {"a": "z"}, (Landing.MOVE, "z", None)),
        ("c", False, ["z"], {"c": "z"}, (Landing.MOVE, "z", None)),
        ("c", False, ["z"], {"c": "exit"}, (Landing.EXIT, None, None)),
        ("c", False, ["exit"], {"c": "exit"}, (Landing.MOVE, "exit", None)),
        ("a", False, ["a"], {"a": "exit"}, (Landing.STAY, "a", None)),
    ],
)
def test_where_one_lands(step: str, waits: bool, new: list[str], steps: dict[str, str], expected: Any):
    assert land(OLD, text(*new), step, waits=waits, steps=steps) == expected
