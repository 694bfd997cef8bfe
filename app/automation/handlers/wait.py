"""`wait`: in a sequence, nothing but the time before what follows."""

from app.engine.outcomes import Done, Outcome
from workers.pipeline.context import StepContext


def decide(_: StepContext) -> Outcome:
    """It is over."""
    return Done()
