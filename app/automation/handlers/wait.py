"""`wait`: in a sequence, nothing but the time before the next step."""

from app.automation.handlers.context import StepContext
from app.engine.outcomes import Done, Outcome
from app.engine.step_kind import StepKind, Words


def decide(_: StepContext) -> Outcome:
    """Do nothing: the wait is over."""
    return Done()


KIND = StepKind(name="wait", decide=decide, words=Words(lambda _: "Wait", about="In a sequence: nothing but time."))
