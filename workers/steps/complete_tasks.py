"""`complete_tasks`: what happened by itself is to be done no more (bansalcrm2-follow-up-guide.md, use case 2)."""

from functools import partial

from app.tasks.ending import complete_all
from workers.changes import Change
from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome


def decide(context: StepContext) -> Outcome:
    """As if somebody had done each of them: what listens to that hears of it."""
    types = context.params["types"]
    return Done({"types": types}, effects=Effects(changes=(Change.of(context, partial(complete_all, types=types)),)))
