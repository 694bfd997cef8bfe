"""`wait`: in a sequence, only the delay before the next step."""

from collections.abc import Iterator
from typing import ClassVar

from app.automation.handlers.support.context import StepContext
from app.automation.language.params import Params
from app.automation.language.types.errors import Line
from app.core.type_aliases import JsonObject
from app.engine.outcomes import Done, Outcome
from app.engine.step_kind import StepKind


class Wait(Params):
    """Do nothing; the next step follows when its `after` is over."""

    example: ClassVar[object] = {}

    @classmethod
    def step_conflicts(cls, step: JsonObject) -> Iterator[Line]:
        """Yield a mistake for a wait without `after`."""
        if "after" not in step:
            yield Line(("after",), "is missing")


def decide(_: StepContext) -> Outcome:
    """Do nothing: the wait is over."""
    return Done()


KIND = StepKind(name="wait", decide=decide, sequence_params=Wait, sentence=lambda _: "Wait")
