"""The context of a simulated step: the same as a worker loads, made up from the simulated world."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

from app.automation.handlers.context import GatewayView, LeadView, Line, Reach, StepContext
from app.automation.simulation.enrollments import facts_of_enrollment
from app.automation.simulation.lead import more_of
from app.automation.simulation.state import SimulatedStep
from app.automation.simulation.world import World
from app.engine.outcomes import Row
from app.engine.step_kind import STEP_KINDS
from app.messaging.compose import Recipient
from app.messaging.contact_policy.contact_attempts import attempt_for_step, priority_of, series_of
from app.messaging.contact_policy.contact_facts import AttemptContext, address_for, build_contact_facts
from app.messaging.contact_policy.facts import PlannedMessage
from app.messaging.contact_policy.history import History

_NOWHERE: Final = UUID(int=0)
_GATEWAY: Final[Any] = SimpleNamespace(
    id=_NOWHERE, is_active=True, per_hour=None, url="", secret="", idempotent=True, rotated_at=None
)
_LINE: Final = Line(cast("GatewayView", _GATEWAY))  # it is never called


def context_of(world: World, step: SimulatedStep) -> StepContext:
    """Return the context of the step as the world is now."""
    setting, facts = world.setting, _facts(world, step) if step.guard or "if" in step.params else {}
    return StepContext(
        step=step,
        now=world.now,
        clinic=setting.clinic,
        rules=setting.rules,
        lead=cast("LeadView", world.lead),
        task=world.task(step.params.get("task_id")),
        notification=None,
        template=None,
        people=setting.people,
        names=setting.names,
        write_message=_note_message,
        stages=setting.stages,
        reach=_reach(world, step) if STEP_KINDS[step.kind].writes_to_lead else None,
        line=_LINE,
        sequences=setting.sequences,
        has_left="enrollment_id" in step.cause and all(one.step_id != step.id for one in world.enrollments),
        **facts,
    )


def _note_message(
    context: StepContext,
    to: Recipient,
    channels: Collection[str],
    *,
    user_name: str | None = None,  # noqa: ARG001  (nobody reads the text)
) -> list[Row]:
    series, template = series_of(context.step), context.params["template"]
    return [
        {"id": context.step.id, "user_id": to.user_id, "channel": channel, "series": series, "template": template}
        for channel in channels
    ]


def _facts(world: World, step: SimulatedStep) -> dict[str, Any]:
    """Return the facts that only a guard or a branch asks."""
    more = more_of(world.lead, world.next_follow_up_at)
    return {"more": more, "enrollment": facts_of_enrollment(world, step)}


def _reach(world: World, step: SimulatedStep) -> Reach:
    channel = step.params["channel"]
    touch = attempt_for_step(step, channel, address_for(world.lead, channel), planned_at=step.created_at)
    writing = AttemptContext(world.lead, world.setting.clinic, touch)
    ahead = [PlannedMessage(other.due_at, priority_of(other)) for other in world.pending if _is_message(other, step)]
    return Reach(
        touch, build_contact_facts(writing, History(world.went, ahead), is_suppressed=channel in world.suppressed)
    )


def _is_message(other: SimulatedStep, step: SimulatedStep) -> bool:
    return STEP_KINDS[other.kind].writes_to_lead and other is not step
