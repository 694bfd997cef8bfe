"""`update_lead`: tags, score and the clinic's own fields, as somebody would write them down."""

from functools import partial

from app.leads.changes import AMENDED, amend
from workers.changes import Change
from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome


def decide(context: StepContext) -> Outcome:
    """What is so already stays so, and is no news to other rules."""
    amendment = {name: value for name, value in context.params.items() if name in AMENDED}
    return Done(amendment, effects=Effects(changes=(Change.of(context, partial(amend, amendment=amendment)),)))
