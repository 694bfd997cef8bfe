"""`update_lead`: tags, score and the clinic's own fields, as somebody would write them down."""

from functools import partial

from app.engine.outcomes import Done, Effects, Outcome
from app.leads.changes import AMENDED, amend
from workers.pipeline.context import StepContext
from workers.pipeline.lead_changes import Change


def decide(context: StepContext) -> Outcome:
    """What is so already stays so, and is no news to other rules."""
    amendment = {name: value for name, value in context.params.items() if name in AMENDED}
    return Done(amendment, effects=Effects(changes=(Change.of(context, partial(amend, amendment=amendment)),)))
