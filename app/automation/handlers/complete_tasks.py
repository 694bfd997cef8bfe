"""`complete_tasks`: what happened by itself is to be done no more (bansalcrm2-follow-up-guide.md, use case 2)."""

from functools import partial

from app.engine.outcomes import Done, Effects, Outcome
from app.tasks.lifecycle.end import complete_all
from workers.pipeline.context import StepContext
from workers.pipeline.lead_changes import Change


def decide(context: StepContext) -> Outcome:
    """As if somebody had done each of them: what listens to that hears of it."""
    types = context.params["types"]
    return Done({"types": types}, effects=Effects(changes=(Change.of(context, partial(complete_all, types=types)),)))
