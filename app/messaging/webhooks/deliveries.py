"""Deliveries of a webhook endpoint: list them, send them again, and send a test."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import LATEST, now
from app.core.db import first_id_at, insert_many
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Conflict, NotFound
from app.messaging.webhooks.endpoints import WebhookIsInactive, call_at_once, find_endpoint
from app.messaging.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from app.messaging.webhooks.subscriptions import ALL_EVENTS, TEST_EVENT, delivery_row

DELIVERY_RETENTION: Final = timedelta(days=30)
FOREVER: Final = datetime(LATEST, 1, 1, tzinfo=UTC)
MOST_REPLAYED: Final = 100_000  # deliveries per call

_FILTERS: Final = ("state", "type", "lead_id", "event_id")


class WebhookIsBeingSent(Conflict):
    """A call of this delivery is in progress. Try again in a minute."""


class ReplayState(StrEnum):
    """The deliveries that are sent again."""

    PENDING = "pending"  # that wait for a retry
    FAILED = "failed"
    DELIVERED = "delivered"
    MISSING = "missing"  # events without a delivery, such as those that occurred while the endpoint was inactive


class Replay(NamedTuple):
    """Result of a replay: `replayed` deliveries are sent again, `left` are left for another call."""

    replayed: int
    left: int
    dry_run: bool


def list_deliveries(session: Session, clinic_id: UUID, webhook_id: UUID, query: JsonObject) -> Page:
    """Return the deliveries of an endpoint, newest first; `query` as WebhookDeliveryQuery loads it. Raises NotFound."""
    find_endpoint(session, clinic_id, webhook_id)
    found = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == webhook_id)
    for name in query.keys() & {*_FILTERS}:
        found = found.where(getattr(WebhookDelivery, name) == query[name])
    return page(session, found, [(WebhookDelivery.id, "desc")], query)


def send_test(session: Session, clinic_id: UUID, webhook_id: UUID) -> WebhookDelivery:
    """Add a delivery of the event `webhook.test`. Raises NotFound, WebhookIsInactive."""
    endpoint = find_endpoint(session, clinic_id, webhook_id, lock=True)
    delivery = WebhookDelivery(**delivery_row(clinic_id, endpoint.id, TEST_EVENT, at=now()))
    session.add(delivery)
    session.flush()
    call_at_once(session, endpoint)
    return delivery


def replay_delivery(session: Session, clinic_id: UUID, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Send a delivery again, with the same id. Raises NotFound, WebhookIsInactive, WebhookIsBeingSent."""
    endpoint = find_endpoint(session, clinic_id, webhook_id, lock=True)
    mine = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == webhook_id)
    delivery = session.scalars(mine.with_for_update()).one_or_none()
    if delivery is None:
        raise NotFound
    if delivery.state == DeliveryState.SENDING:
        raise WebhookIsBeingSent
    call_at_once(session, endpoint)
    delivery.state, delivery.attempts, delivery.next_attempt_at = DeliveryState.PENDING, 0, now()
    _note(session, endpoint, 1)
    session.flush()
    return delivery


def replay_many(session: Session, clinic_id: UUID, webhook_id: UUID, data: JsonObject) -> Replay:
    """Send the deliveries of a time range again, with the same ids; `data` as loaded by WebhookReplayIn.

    Events without a delivery get one. `dry_run` counts only. Raises NotFound, WebhookIsInactive.
    """
    dry_run = data["dry_run"]
    endpoint = find_endpoint(session, clinic_id, webhook_id, lock=not dry_run)
    if not endpoint.is_active:
        raise WebhookIsInactive
    given = _range(endpoint, data)
    states = [data["state"]] if "state" in data else [*ReplayState]  # in this order, because replayed ones are pending
    total = sum(session.scalar(_count(state), given | {"state": state}) or 0 for state in states)
    if dry_run:
        return Replay(total, 0, dry_run=True)
    replayed = 0
    for state in states:
        replayed += _replay(session, endpoint, state, given | {"most": MOST_REPLAYED - replayed})
    call_at_once(session, endpoint)
    _note(session, endpoint, replayed)
    return Replay(replayed, max(total - replayed, 0), dry_run=False)


def _range(endpoint: WebhookEndpoint, data: JsonObject) -> JsonDict:
    return {
        "endpoint": endpoint.id,
        "clinic": endpoint.clinic_id,
        "first": first_id_at(data["since"] - timedelta(hours=1)),  # an id may be older than the row's time
        "since": data["since"],
        "until": data.get("until") or FOREVER,
        "all": ALL_EVENTS in endpoint.events,
        "names": endpoint.events,
    }


_EXISTING: Final = (
    "FROM webhook_deliveries WHERE endpoint_id = :endpoint AND id >= :first AND state = :state"
    " AND event_id IS NOT NULL AND created_at >= :since AND created_at < :until"
)
_MISSING: Final = (
    "FROM events e WHERE e.clinic_id = :clinic AND e.id >= :first AND e.occurred_at >= :since AND"
    " e.occurred_at < :until AND (:all OR e.name = ANY(:names)) AND NOT EXISTS"
    " (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = :endpoint AND d.event_id = e.id)"
)
# They are sent in the order of their events.
_REPLAY_EXISTING: Final = text(
    "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_attempt_at = created_at"  # noqa: S608
    f" WHERE id IN (SELECT id {_EXISTING} ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)"
)
_FIND_MISSING: Final = text(f"SELECT e.id, e.name, e.lead_id, e.occurred_at {_MISSING} ORDER BY e.id LIMIT :most")


def _count(state: ReplayState) -> TextClause:
    return text(f"SELECT count(*) {_MISSING if state is ReplayState.MISSING else _EXISTING}")


def _replay(session: Session, endpoint: WebhookEndpoint, state: ReplayState, given: JsonObject) -> int:
    if state is not ReplayState.MISSING:
        result = session.execute(_REPLAY_EXISTING, {**given, "state": state})
        return result.rowcount  # type: ignore[attr-defined, no-any-return]
    at = now()
    rows = [
        delivery_row(endpoint.clinic_id, endpoint.id, event.name, at=at, event_id=event.id, lead_id=event.lead_id)
        for event in session.execute(_FIND_MISSING, given)
    ]
    insert_many(session, WebhookDelivery, rows, tail="ON CONFLICT DO NOTHING")
    return len(rows)


def _note(session: Session, endpoint: WebhookEndpoint, replayed: int) -> None:
    audit_log.note_change(session, "webhook", [endpoint.id], act=Act.UPDATE, after={"replayed": replayed})
