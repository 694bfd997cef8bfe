"""`change_stage`: move the lead to a later stage (simplepro-follow-up-automation.md, "update status")."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.handlers.support import changes
from app.automation.handlers.support.context import StepContext
from app.automation.language.base import Maybe
from app.automation.language.docs.sentences import plain
from app.automation.language.params import LossReason, Params
from app.automation.language.types.errors import Line
from app.automation.language.types.primitives import Named
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import not_known
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind
from app.leads.pipeline.models import LOST
from app.leads.pipeline.stages import can_move


class ChangeStage(Params):
    """Move the lead to a stage; to `lost` with a reason."""

    example: ClassVar[object] = {"stage": "contacted"}

    stage: Annotated[str, Named("stages")] = Field(description="The slug of the stage.", examples=["contacted"])
    reason: Maybe[LossReason] = None

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for `lost` without a reason, and for a reason with another stage."""
        if given.get("stage") == LOST and "reason" not in given:
            yield Line(("reason",), "is missing")
        if given.get("stage") != LOST and "reason" in given:
            yield Line(("reason",), not_known("reason", ["stage"]))


def decide(context: StepContext) -> Outcome:
    """Move the lead forward only, and only to a stage of the clinic."""
    here, wanted = context.lead.pipeline_stage, context.params["stage"]
    if here == wanted:
        return Skip(Reason.ALREADY_SO)
    if not can_move(context.stages, here, wanted):
        return Skip(Reason.NOT_POSSIBLE, {"stage": here, "wanted": wanted})
    change = changes.ChangeStage(wanted, context.params.get("reason"))
    return Done({"previous_stage": here, "stage": wanted}, effects=Effects(changes=(change,)))


def _sentence(settings: Settings) -> str:
    return f"Move the lead to {plain(settings['stage'])}"


KIND = StepKind(
    name="change_stage",
    decide=decide,
    params=ChangeStage,
    sequence_params=ChangeStage,
    batch=SMALL_BATCH,
    needs_stages=True,
    sentence=_sentence,
)
