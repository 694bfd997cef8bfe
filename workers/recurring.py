"""Steps that come again: with the end of one the next is planned (bansalcrm2-follow-up-guide.md, use case 7)."""

from collections.abc import Iterable
from datetime import datetime

from app.automation.durations import parse_wait
from app.automation.models import Reason
from app.automation.service import step_row
from app.automation.timing import next_time
from workers.context import StepContext
from workers.outcomes import Done, Ended, Row, Skip

# What ends the row of them; anything else a step was skipped for may be over the next time.
FOR_GOOD = frozenset(
    {Reason.CONVERTED, Reason.LOST, Reason.ARCHIVED, Reason.LEAD_GONE, Reason.RULE_INACTIVE, Reason.RESTRICTED}
    | {Reason.ERASED, Reason.MERGED, Reason.OPTED_OUT}
)


def next_steps(ended: Iterable[tuple[StepContext, Ended]]) -> list[Row]:
    """The rows of those that follow."""
    return [_next(context) for context, end in ended if "every" in context.step.cause and _goes_on(end)]


def _goes_on(end: Ended) -> bool:
    return isinstance(end, Done) or (isinstance(end, Skip) and end.reason not in FOR_GOOD)


def _next(context: StepContext) -> Row:
    step, every = context.step, context.step.cause["every"]
    last = datetime.fromisoformat(every["due_at"])  # not when it ran: what was late once is not late for ever
    due_at = next_time(parse_wait(every["time"]), last, context.now, context.clinic.calendar)
    params = dict(step.params)
    if "task_due_at" in params:
        params["task_due_at"] = (datetime.fromisoformat(params["task_due_at"]) + (due_at - last)).isoformat()
    first = (step.dedupe_key or str(step.id)).partition("@")[0]
    return step_row(
        step.clinic_id,
        step.lead_id,
        kind=step.kind,
        name=step.name,
        params=params,
        cause={**step.cause, "every": {**every, "due_at": due_at.isoformat()}},
        guard=step.guard,
        stop_on=step.stop_on,
        lateness=step.lateness,
        due_at=due_at,
        dedupe_key=f"{first}@{due_at.isoformat()}",
    )
