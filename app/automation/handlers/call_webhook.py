"""`call_webhook`: call a gateway of the clinic with ids and codes of the event."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from app import clock
from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.gateway_limit import throttle_snooze, usage_rows
from app.automation.handlers.support.missing_gateway import wait_for_gateway
from app.automation.handlers.support.outages import channel_results, retry_by, wait_after, wait_for_channel
from app.automation.language.params import GatewaySlug, Params
from app.core.type_aliases import JsonDict
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, ExternalCall, Fail, Outcome, ResultUnknown, Retry, Skip
from app.engine.step_kind import DELIVERIES, Details, OutsideCall, StepKind
from app.messaging.channels.base import Outcome as Came
from app.messaging.channels.base import Receipt, Transient
from app.messaging.channels.gateway_client import call, unanswered_receipt
from app.messaging.channels.gateway_payload import Endpoint
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from app.messaging.gateways.failure_counts import result_row
from app.messaging.gateways.service import endpoint_of
from app.messaging.rendering.safe_text import one_line


class CallWebhook(Params):
    """Call a gateway of the clinic with ids and codes; the call is signed."""

    example: ClassVar[object] = {"gateway": "crm"}

    gateway: GatewaySlug


class Question(NamedTuple):
    """A call: its endpoint, its id and its JSON body. The id is the step's id, so it is the same for each attempt."""

    endpoint: Endpoint
    call_id: str
    body: JsonDict


def decide(context: StepContext) -> Outcome | ExternalCall:
    """Call the gateway if it is active and below its hourly limit."""
    if context.skips_messages:
        return Skip(Reason.SKIPPED_ON_RESUME)
    if missing := wait_for_gateway(context):
        return missing
    if later := wait_for_channel(context) or throttle_snooze(context):
        return later
    question = Question(endpoint_of(context.gateway, at=context.now), str(context.step.id), _body(context))
    return ExternalCall(question, effects=Effects(gateway_minutes=usage_rows(context)))


def ask(question: Question) -> Receipt:
    """Call the gateway. No transaction is open during the call."""
    return call(question.endpoint, question.call_id, question.body, hide=None)  # the body has no personal data to hide


def conclude(context: StepContext, _: Question, receipt: Receipt) -> Outcome:
    """Turn the gateway's answer into the outcome of the step."""
    is_failure = receipt.outcome is not Came.SENT
    effects = Effects(
        gateway_results=(result_row(context.gateway.id, is_failure=is_failure),),
        channel_results=channel_results(context, receipt, receipt.response),
    )
    if wait := wait_after(context, receipt, effects):
        return wait
    if isinstance(receipt, Transient):
        return Retry(receipt.response, _not_before(receipt), retry_by(context, receipt), effects=effects)
    if receipt.outcome is Came.UNKNOWN:
        return ResultUnknown(receipt.response, effects=effects)
    if is_failure:
        return Fail(receipt.response, effects=effects)
    return Done({"status": int(receipt.response)}, effects=effects)


def cut_off(context: StepContext, question: Question, error: str) -> Outcome:
    """Return the outcome of an interrupted call. Its result is unknown."""
    return conclude(context, question, unanswered_receipt(question.endpoint, one_line(error)))


def _not_before(receipt: Transient) -> datetime | None:
    return clock.now() + receipt.wait if receipt.wait else None


def _body(context: StepContext) -> JsonDict:
    """Return the event in the format of Standard Webhooks, without personal data of the lead."""
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
    params=CallWebhook,
    sequence_params=CallWebhook,
    details=_details,
    batch=1,  # the lease counts from the commit; a second call would use up the lease of the first
    per_message=10,
    queue=DELIVERIES,
    max_tries=MAX_ATTEMPTS,
    outside=OutsideCall(ask, conclude, cut_off),
    sentence=lambda hook: f"Call the gateway {hook['gateway']}",
)
