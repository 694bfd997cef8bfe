"""`import_chunk`: a part of a bulk job. Its items are worked off set-wise where effects are written."""

from app.engine.outcomes import Done, Effects, Outcome
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """All items of the chunk, in the step's own transaction: a crash leaves none of them half done."""
    chunk = {**context.params, "clinic": context.clinic}
    return Done(dict(context.params), effects=Effects(chunks=(chunk,)))
