"""`import_chunk`: process one chunk of a bulk job. The effects writer processes its items with set-based statements."""

from app.automation.handlers.support.context import StepContext
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import BULK, StepKind


def decide(context: StepContext) -> Outcome:
    """Process all items of the chunk in the step's transaction, so a crash leaves no partial result."""
    chunk = {**context.params, "clinic": context.clinic}
    return Done(dict(context.params), effects=Effects(chunks=(chunk,)))


KIND = StepKind(
    name="import_chunk",
    decide=decide,
    guard=lambda _: None,
    batch=1,
    per_message=1,  # workers share the chunks of a job
    queue=BULK,
    has_lead=False,
)
