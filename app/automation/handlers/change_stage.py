"""`change_stage`: move the lead on, as somebody would by hand (simplepro-follow-up-automation.md, "update status")."""

from functools import partial

from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.leads.pipeline.stages import can_move, move_on
from workers.pipeline.context import StepContext
from workers.pipeline.lead_changes import Change


def decide(context: StepContext) -> Outcome:
    """Forward only, and to no stage that the clinic has not."""
    here, wanted = context.lead.pipeline_stage, context.params["stage"]
    if here == wanted:
        return Skip(Reason.ALREADY_SO)
    if not can_move(context.stages, here, wanted):
        return Skip(Reason.NOT_POSSIBLE, {"stage": here, "wanted": wanted})
    change = Change.of(context, partial(move_on, stage=wanted, reason=context.params.get("reason")))
    return Done({"previous_stage": here, "stage": wanted}, effects=Effects(changes=(change,)))
