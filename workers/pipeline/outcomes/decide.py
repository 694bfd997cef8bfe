"""Decide what the steps of a batch do: their guards, then their handlers."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import decide
from app.core.telemetry.logs import of_request
from app.engine.models import Kind
from app.engine.outcomes import Done, ExternalCall, Outcome
from app.engine.step_kind import STEP_KINDS
from app.messaging.contact_policy.contact_attempts import priority_of
from app.messaging.contact_policy.gate_input import SentMessage
from workers.error_text import describe_error
from workers.pipeline.message_context.contact_context import messages_to_lead

log = structlog.get_logger()


def decide_all(contexts: Sequence[StepContext]) -> list[tuple[StepContext, Outcome | ExternalCall]]:
    """Decide by priority, then by due time. Messages and escalations count for the next decisions on their lead."""
    sent: dict[UUID | None, list[SentMessage]] = defaultdict(list)
    escalated: set[UUID | None] = set()
    decided: list[tuple[StepContext, Outcome | ExternalCall]] = []
    for context in sorted(contexts, key=_priority_key):
        lead_id = context.step.lead_id
        known = context.escalated() if escalated and lead_id in escalated else context
        end = decide_step(known.after(sent[lead_id]) if sent else known)
        if messages := messages_to_lead(end):
            sent[lead_id] += messages
        if context.step.kind == Kind.ESCALATE and isinstance(end, Done):
            escalated.add(lead_id)
        decided.append((context, end))
    return decided


def _priority_key(context: StepContext) -> tuple[int, datetime, UUID]:
    step = context.step
    return priority_of(step), step.due_at, step.id  # ids are ordered by creation time


def decide_step(context: StepContext) -> Outcome | ExternalCall:
    kind = STEP_KINDS[context.step.kind]
    with of_request(context.step.cause.get("request_id"), step_id=context.step.id):
        try:
            return decide(kind, context)
        except Exception as error:
            log.exception("step.raised", step=str(context.step.id), name=context.step.name)
            return kind.raised(context, describe_error(error))
