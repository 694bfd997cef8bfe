"""`post_webhooks`: make the calls of a webhook endpoint that are due.

One step makes up to 400 calls, because a step for each call would cost more than the call. The deliveries are
`sending` before a call is made. A receiver recognizes a repeated call by its `webhook-id`, so interrupted calls are
made again when their lease expires.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app import clock
from app.automation.handlers.support.context import StepContext
from app.config import get_settings
from app.core.http_client.signing import valid_secrets
from app.engine.models import Kind
from app.engine.outcomes import Done, Effects, ExternalCall, Outcome, Row, WebhookAttempt, WebhookResult
from app.engine.step_kind import WEBHOOKS, OutsideCall, StepKind
from app.messaging.webhooks.due import WebhookBatch
from app.messaging.webhooks.models import DeliveryState
from app.messaging.webhooks.payloads import DueDelivery, body_of
from app.messaging.webhooks.posting import GONE, Answer, Post, Posts, post_all
from app.messaging.webhooks.retries import next_attempt
from app.messaging.webhooks.subscriptions import wake_step

UNREADABLE = "its URL and secret cannot be decrypted"


class Question(NamedTuple):
    """The calls to make, and the deliveries that they belong to."""

    batch: WebhookBatch
    posts: Posts


def decide(context: StepContext) -> Outcome | ExternalCall:
    """Make the calls that this step has claimed. Another step of the same batch may have claimed all of them."""
    batch = context.webhooks
    if batch is None:
        return Done({"calls": 0})
    if not batch.is_readable:
        return _outcome(batch, [Answer(one.id, context.now, 0, error=UNREADABLE) for one in batch.deliveries])
    lease = context.now + timedelta(seconds=get_settings().lease_seconds)
    begun = tuple(_unchanged(one, DeliveryState.SENDING, lease) for one in batch.deliveries)
    return ExternalCall(Question(batch, _posts(context, batch)), effects=Effects(webhook_attempts=begun))


def _posts(context: StepContext, batch: WebhookBatch) -> Posts:
    endpoint = batch.endpoint
    posts = [
        Post(one.id, body_of(one, lead=batch.lead_of(one), with_lead=endpoint.include_lead)) for one in batch.deliveries
    ]
    return Posts(endpoint.url, valid_secrets(endpoint, at=context.now), posts)


def ask(question: Question) -> list[Answer]:
    """Make the calls of one endpoint."""
    return post_all([question.posts])[0]


def ask_all(questions: Sequence[Question]) -> list[list[Answer]]:
    """Make the calls of several endpoints at the same time. No transaction is open meanwhile."""
    return post_all([question.posts for question in questions])


def conclude(_: StepContext, question: Question, answers: Sequence[Answer]) -> Outcome:
    """Store the answers. Calls that were not made are due again at once."""
    return _outcome(question.batch, answers)


def cut_off(_: StepContext, question: Question, error: str) -> Outcome:
    """Count all calls as failed: it is not known which of them were made. They are made again."""
    at = clock.now()
    return _outcome(question.batch, [Answer(one.id, at, 0, error=error) for one in question.batch.deliveries])


def _outcome(batch: WebhookBatch, answers: Sequence[Answer]) -> Outcome:
    of = {answer.id: answer for answer in answers}
    attempts = tuple(_attempt(one, of.get(one.id)) for one in batch.deliveries)
    result = _result(batch, answers)
    again = batch.is_full or batch.endpoint.ordered or len(answers) < len(batch.deliveries)
    steps: tuple[Row, ...] = ()
    if again and result["successes"]:  # else the sweep makes a step when the endpoint may be called again
        steps = (wake_step(batch.endpoint.clinic_id, batch.endpoint.id),)
    effects = Effects(webhook_attempts=attempts, webhook_results=(result,), steps=steps)
    return Done({"calls": len(answers), "delivered": result["successes"]}, effects=effects)


def _attempt(delivery: DueDelivery, answer: Answer | None) -> WebhookAttempt:
    if answer is None:
        return _unchanged(delivery, DeliveryState.PENDING, delivery.created_at)
    attempts = delivery.attempts + 1
    state, due_at = _next(answer, attempts)
    return {
        "id": delivery.id,
        "state": state,
        "attempts": attempts,
        "next_attempt_at": due_at,
        "attempted_at": answer.at,
        "duration_ms": answer.duration_ms,
        "response_status": answer.status,
        "response": answer.response,
        "error": answer.error,
    }


def _next(answer: Answer, attempts: int) -> tuple[DeliveryState, datetime]:
    """Return the state after an attempt, and when the next one is due."""
    if answer.is_success:
        return DeliveryState.DELIVERED, answer.at
    luck = random.random()  # noqa: S311  (spreading load, not keeping secrets)
    due_at = next_attempt(attempts, answer.at, luck=luck, retry_after=answer.retry_after)
    if due_at is None or answer.status == GONE:
        return DeliveryState.FAILED, answer.at
    return DeliveryState.PENDING, due_at


def _unchanged(delivery: DueDelivery, state: DeliveryState, due_at: datetime) -> WebhookAttempt:
    """Return a change of state without an attempt."""
    return {
        "id": delivery.id,
        "state": state,
        "attempts": delivery.attempts,
        "next_attempt_at": due_at,
        "attempted_at": None,
        "duration_ms": None,
        "response_status": None,
        "response": None,
        "error": None,
    }


def _result(batch: WebhookBatch, answers: Sequence[Answer]) -> WebhookResult:
    """Return what the answers say about the endpoint."""
    tried = {one.id for one in batch.deliveries if one.attempts}
    failed = [answer for answer in answers if not answer.is_success]
    waits = [answer.at + answer.retry_after for answer in failed if answer.retry_after is not None]
    return {
        "endpoint_id": batch.endpoint.id,
        "successes": len(answers) - len(failed),
        "recovered": sum(answer.is_success and answer.id in tried for answer in answers),
        "failures": len(failed),
        "error": _error_of(failed[-1]) if failed else None,
        "not_before": max(waits, default=None),
        "is_gone": any(answer.status == GONE for answer in failed),
    }


def _error_of(answer: Answer) -> str:
    return answer.error or f"status {answer.status}"


KIND = StepKind(
    name=Kind.POST_WEBHOOKS,
    decide=decide,
    guard=lambda _: None,
    queue=WEBHOOKS,
    has_lead=False,
    outside=OutsideCall(ask, conclude, cut_off, ask_all=ask_all, is_repeatable=True),
)
