"""`change_stage`: move the lead on, as somebody would by hand (simplepro-follow-up-automation.md, "update status")."""

from functools import partial

from app.automation.models import Reason
from app.leads.stages import can_move, move_on
from workers.changes import Change
from workers.context import StepContext
from workers.outcomes import Done, Effects, Outcome, Skip


def decide(context: StepContext) -> Outcome:
    """Forward only, and to no stage that the clinic has not."""
    here, wanted = context.lead.pipeline_stage, context.params["stage"]
    if here == wanted:
        return Skip(Reason.ALREADY_SO)
    if not can_move(context.stages, here, wanted):
        return Skip(Reason.NOT_POSSIBLE, {"stage": here, "wanted": wanted})
    change = Change.of(context, partial(move_on, stage=wanted, reason=context.params.get("reason")))
    return Done({"previous_stage": here, "stage": wanted}, effects=Effects(changes=(change,)))
