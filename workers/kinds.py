"""Every step kind: its handler, and what is particular about running it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.automation.handlers import (
    assign,
    branch,
    call_webhook,
    change_stage,
    complete_tasks,
    create_task,
    deliver,
    enroll,
    escalate,
    import_chunk,
    notify,
    remind,
    send_message,
    suggest_lost,
    unenroll,
    update_lead,
    wait,
)
from app.engine.models import Kind
from app.engine.outcomes import Ask, Outcome, Retry, Skip, Snooze
from workers import guard
from workers.pipeline.context import StepContext

FEW = 25  # steps that change leads one by one: a batch holds its locks for a fraction of a second


@dataclass(frozen=True, slots=True)
class StepKind:
    """How a kind is run.

    `batch` is how many steps share a transaction; `raised` is what becomes of a step that crashed; the rest only
    kinds that ask need.
    """

    decide: Callable[[StepContext], Outcome | Ask]
    guard: Callable[[StepContext], Skip | Snooze | None] = guard.check
    batch: int = 100
    raised: Callable[[StepContext, str], Outcome] = lambda _, error: Retry(error)
    ask: Callable[[Any], Any] = NotImplemented
    conclude: Callable[[StepContext, Any, Any], Outcome] = NotImplemented
    cut_off: Callable[[StepContext, Any, str], Outcome] = NotImplemented


_DELIVER = StepKind(
    deliver.decide,
    guard=deliver.guard,
    batch=1,  # its lease counts from the commit; a second message would wait inside it
    ask=deliver.ask,
    conclude=deliver.conclude,
    cut_off=deliver.cut_off,
    raised=deliver.raised,
)

KINDS: Mapping[Kind, StepKind] = {
    Kind.CREATE_TASK: StepKind(create_task.decide),
    Kind.REMIND: StepKind(remind.decide),
    Kind.ESCALATE: StepKind(escalate.decide),
    Kind.SEND_MESSAGE: StepKind(send_message.decide),
    Kind.SUGGEST_LOST: StepKind(suggest_lost.decide),
    Kind.NOTIFY: StepKind(notify.decide),
    Kind.CHANGE_STAGE: StepKind(change_stage.decide, batch=FEW),
    Kind.ASSIGN: StepKind(assign.decide, batch=FEW),
    Kind.UPDATE_LEAD: StepKind(update_lead.decide, batch=FEW),
    Kind.COMPLETE_TASKS: StepKind(complete_tasks.decide, batch=FEW),
    Kind.BRANCH: StepKind(branch.decide),
    Kind.WAIT: StepKind(wait.decide),
    Kind.ENROLL: StepKind(enroll.decide),
    Kind.UNENROLL: StepKind(unenroll.decide),
    Kind.DELIVER: _DELIVER,
    Kind.DELIVER_TO_USER: _DELIVER,
    Kind.CALL_WEBHOOK: StepKind(
        call_webhook.decide,
        batch=1,  # as above
        ask=call_webhook.ask,
        conclude=call_webhook.conclude,
        cut_off=call_webhook.cut_off,
    ),
    Kind.IMPORT_CHUNK: StepKind(import_chunk.decide, guard=lambda _: None, batch=1),
}
