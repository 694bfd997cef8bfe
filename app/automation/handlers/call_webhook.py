"""`call_webhook`: tell a gateway of the clinic's what happened, in ids and codes."""

from datetime import datetime
from typing import Any, NamedTuple

from app import clock
from app.automation.handlers.context import StepContext
from app.automation.handlers.throttle import counted, wait_for_room
from app.engine.outcomes import Done, Effects, ExternalCall, Fail, Outcome, ResultUnknown, Retry
from app.engine.step_kind import DELIVERIES, Details, OutsideCall, StepKind, Words
from app.messaging.channels.base import Outcome as Came
from app.messaging.channels.base import Receipt, Transient
from app.messaging.channels.gateway_client import call, unanswered_receipt
from app.messaging.channels.gateway_payload import Endpoint
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from app.messaging.gateways.failure_counts import result_row
from app.messaging.gateways.service import endpoint_of
from app.messaging.rendering.safe_text import one_line


class Question(NamedTuple):
    """The call to make: its endpoint, its id and its body. The id is the step's, the same at each try."""

    endpoint: Endpoint
    call_id: str
    said: dict[str, Any]


def decide(context: StepContext) -> Outcome | ExternalCall:
    """Tell it, if it is there and has room."""
    gateway = context.line.gateway
    if gateway is None or not gateway.is_active:
        return Retry(f"the clinic has no active gateway {context.params['gateway']!r}")
    if later := wait_for_room(context):
        return later
    question = Question(endpoint_of(gateway, at=context.now), str(context.step.id), _said(context))
    return ExternalCall(question, effects=Effects(gateway_minutes=counted(context)))


def ask(question: Question) -> Receipt:
    """Call it; no transaction is open meanwhile."""
    return call(question.endpoint, question.call_id, question.said, hide=None)  # it may know the lead by name


def conclude(context: StepContext, _: Question, receipt: Receipt) -> Outcome:
    """Turn the gateway's answer into the outcome of the step."""
    is_failure = receipt.outcome is not Came.SENT
    effects = Effects(gateway_results=(result_row(context.gateway.id, is_failure=is_failure),))
    if isinstance(receipt, Transient):
        return Retry(receipt.response, _not_before(receipt), effects=effects)
    if receipt.outcome is Came.UNKNOWN:
        return ResultUnknown(receipt.response, effects=effects)
    if is_failure:
        return Fail(receipt.response, effects=effects)
    return Done({"status": int(receipt.response)}, effects=effects)


def cut_off(context: StepContext, question: Question, error: str) -> Outcome:
    """Return the outcome of a call that broke off: its result is unknown."""
    return conclude(context, question, unanswered_receipt(question.endpoint, one_line(error)))


def _not_before(receipt: Transient) -> datetime | None:
    return clock.now() + receipt.wait if receipt.wait else None


def _said(context: StepContext) -> dict[str, Any]:
    """The event as Standard Webhooks shape one, without anything that tells who the lead is."""
    cause, lead = context.step.cause, context.lead
    return {
        "type": cause["event"],
        "timestamp": cause.get("occurred_at"),
        "data": {
            "clinic_id": str(context.clinic.id),
            "lead_id": str(lead.id),
            "status": lead.status,
            "stage": lead.pipeline_stage,
            "subject_id": cause.get("subject_id"),
            "rule": cause.get("rule"),
            **({"sequence": cause["sequence"]} if "sequence" in cause else {}),
            "step_id": str(context.step.id),
        },
    }


def _details(context: StepContext, _: Done) -> Details:
    return {"gateway": context.params["gateway"]}


KIND = StepKind(
    name="call_webhook",
    decide=decide,
    details=_details,
    batch=1,  # its lease counts from the commit; a second call would wait inside it
    per_message=10,
    queue=DELIVERIES,
    max_tries=MAX_ATTEMPTS,
    outside=OutsideCall(ask, conclude, cut_off),
    words=Words(
        lambda hook: f"Call the gateway {hook['gateway']}",
        about="A signed call to a gateway of the clinic's, with ids and codes.",
        example="{gateway: crm}",
    ),
)
