"""`change_stage`: move the lead to a later stage (simplepro-follow-up-automation.md, "update status")."""

from app.automation.handlers.changes import ChangeStage
from app.automation.handlers.context import StepContext
from app.automation.language.docs.sentences import plain
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind, Words
from app.leads.pipeline.stages import can_move


def decide(context: StepContext) -> Outcome:
    """Move it forward only, and only to a stage of the clinic."""
    here, wanted = context.lead.pipeline_stage, context.params["stage"]
    if here == wanted:
        return Skip(Reason.ALREADY_SO)
    if not can_move(context.stages, here, wanted):
        return Skip(Reason.NOT_POSSIBLE, {"stage": here, "wanted": wanted})
    change = ChangeStage(wanted, context.params.get("reason"))
    return Done({"previous_stage": here, "stage": wanted}, effects=Effects(changes=(change,)))


def _sentence(move: Settings) -> str:
    return f"Move the lead to {plain(move['stage'])}"


KIND = StepKind(
    name="change_stage",
    decide=decide,
    batch=SMALL_BATCH,
    needs_stages=True,
    words=Words(_sentence, about="Move the lead on; to `lost` with its reason.", example="{stage: contacted}"),
)
