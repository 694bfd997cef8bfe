"""Store the answers of endpoints: attempts of deliveries, the circuit breaker, and the end of an endpoint."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import update_many
from app.engine.outcomes import WebhookAttempt, WebhookResult
from app.engine.statistics.metrics_store import Counts, add_counts, series_key
from app.identity.clinics import bump_rules_version
from app.messaging.webhooks import notices
from app.messaging.webhooks.models import DeliveryState, DisabledBecause, WebhookDelivery, WebhookEndpoint
from app.messaging.webhooks.retries import PAUSE_AFTER, pause
from app.messaging.webhooks.subscriptions import release_retries
from app.security.encrypted_fields import encrypt_row

WARN_AFTER: Final = timedelta(days=1)

_ATTEMPT: Final = ("state", "attempts", "next_attempt_at")
_ANSWER: Final = ("attempted_at", "duration_ms", "response_status", "error", "sealed")

log = structlog.get_logger()


def record_attempts(session: Session, attempts: Sequence[WebhookAttempt]) -> None:
    """Store the state of deliveries, and the answers of those that were attempted."""
    begun = [row for row in attempts if row["attempted_at"] is None]
    update_many(session, WebhookDelivery, begun, _ATTEMPT)
    ended = [row for row in attempts if row["attempted_at"] is not None]
    columns = (*_ATTEMPT, *_ANSWER)
    update_many(session, WebhookDelivery, [encrypt_row(WebhookDelivery, row) for row in ended], columns)
    add_counts(session, Counts(series_key("webhooks", outcome=_outcome(row)) for row in ended))


def _outcome(row: WebhookAttempt) -> str:
    return str(row["state"]) if row["state"] != DeliveryState.PENDING else "retried"


def record_results(session: Session, results: Sequence[WebhookResult]) -> None:
    """Store whether the endpoints answer. A success without earlier failures updates no row."""
    for result in results:
        if result["successes"]:
            _recover(session, result)
        elif result["failures"]:
            _fail(session, result)


def _recover(session: Session, result: WebhookResult) -> None:
    if result["recovered"]:
        log.info("webhook.delivery_recovered", endpoint=str(result["endpoint_id"]), deliveries=result["recovered"])
    found = session.execute(_RESET, {"endpoint": result["endpoint_id"]}).one_or_none()
    if found is None or not found.was_paused:
        return
    release_retries(session, found.clinic_id, result["endpoint_id"])
    log.info("webhook.endpoint_recovered", endpoint=str(result["endpoint_id"]))


_RESET: Final = text(
    "UPDATE webhook_endpoints AS w SET failures = 0, pauses = 0, failing_since = NULL, paused_until = NULL,"
    " warned_at = NULL, last_error = NULL"
    " FROM (SELECT id, pauses > 0 AS was_paused FROM webhook_endpoints WHERE id = :endpoint FOR UPDATE) AS before"
    " WHERE w.id = before.id AND w.failing_since IS NOT NULL RETURNING w.clinic_id, before.was_paused"
)


def _fail(session: Session, result: WebhookResult) -> None:
    endpoint = session.get(WebhookEndpoint, result["endpoint_id"], with_for_update=True, populate_existing=True)
    if endpoint is None:
        return
    now = clock.now()
    endpoint.failures += result["failures"]
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.last_error = result["error"]
    if endpoint.failures >= PAUSE_AFTER:
        endpoint.paused_until, endpoint.pauses = now + pause(endpoint.pauses), endpoint.pauses + 1
    if result["not_before"] is not None:
        endpoint.paused_until = max(result["not_before"], endpoint.paused_until or now)
    if endpoint.is_active:
        _end_or_warn(session, endpoint, now, is_gone=result["is_gone"])


def _end_or_warn(session: Session, endpoint: WebhookEndpoint, now: datetime, *, is_gone: bool) -> None:
    failing_for = now - (endpoint.failing_since or now)
    if is_gone:
        disable(session, endpoint, DisabledBecause.GONE, now)
    elif failing_for >= timedelta(days=get_settings().webhook_disable_after_days):
        disable(session, endpoint, DisabledBecause.FAILING, now)
    elif failing_for >= WARN_AFTER and endpoint.warned_at is None:
        endpoint.warned_at = now
        notices.warn(session, endpoint)
        log.warning("webhook.endpoint_failing", endpoint=str(endpoint.id), since=str(endpoint.failing_since))


def disable(session: Session, endpoint: WebhookEndpoint, because: DisabledBecause, now: datetime) -> None:
    """Disable an endpoint and notify the admins. Its deliveries wait until a user activates it again."""
    endpoint.is_active, endpoint.disabled_at, endpoint.disabled_because = False, now, because
    endpoint.updated_at, endpoint.version = now, endpoint.version + 1
    bump_rules_version(session, endpoint.clinic_id)
    notices.report_disabled(session, endpoint)
    log.error("webhook.endpoint_disabled", endpoint=str(endpoint.id), because=because, error=endpoint.last_error)
