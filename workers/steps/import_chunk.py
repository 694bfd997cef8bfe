"""`import_chunk`: a part of a bulk job. Its items are worked off set-wise where effects are written."""

from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome


def decide(context: StepContext) -> Outcome:
    """All items of the chunk, in the step's own transaction: a crash leaves none of them half done."""
    chunk = {**context.params, "clinic": context.clinic}
    return Done(dict(context.params), effects=Effects(chunks=(chunk,)))
