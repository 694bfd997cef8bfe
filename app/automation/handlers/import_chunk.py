"""`import_chunk`: a part of a bulk job. The writer works off its items set-wise."""

from app.automation.handlers.context import StepContext
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import BULK, StepKind


def decide(context: StepContext) -> Outcome:
    """Work off all items of the chunk in the step's own transaction: a crash leaves none of them half done."""
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
