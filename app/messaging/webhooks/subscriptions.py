"""Deliveries for recorded events: written in the transaction that records the events."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import insert_many, new_id
from app.core.type_aliases import ColumnDict
from app.engine.events.events import Event
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.messaging.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

ALL_EVENTS: Final = "*"  # a filter
TEST_EVENT: Final = "webhook.test"


class Subscription(NamedTuple):
    """An active endpoint and its filter: the names of its events; None means all."""

    endpoint_id: UUID
    events: frozenset[str] | None

    def wants(self, name: str) -> bool:
        """Whether the endpoint receives events of this name."""
        return self.events is None or name in self.events


@cache_per_version
def subscriptions_of(session: Session, clinic: ClinicContext) -> Sequence[Subscription]:
    """Return the clinic's active endpoints."""
    mine = select(WebhookEndpoint.id, WebhookEndpoint.events).where(
        WebhookEndpoint.clinic_id == clinic.id, WebhookEndpoint.is_active
    )
    return [Subscription(row.id, filter_of(row.events)) for row in session.execute(mine.order_by(WebhookEndpoint.id))]


def filter_of(events: Sequence[str]) -> frozenset[str] | None:
    """Return the names of a filter; None if it has `*`."""
    return None if ALL_EVENTS in events else frozenset(events)


def deliver_events(session: Session, clinic: ClinicContext, events: Sequence[Event]) -> None:
    """Add a delivery for each event and each endpoint that wants it. `events` have the ids of the event log.

    No query runs for a clinic without endpoints, and two for any number of events.
    """
    at = now()
    rows = [
        delivery_row(clinic.id, one.endpoint_id, event.name, at=at, event_id=event.id, lead_id=event.lead_id)
        for one in subscriptions_of(session, clinic)
        for event in events
        if one.wants(event.name)
    ]
    if rows:
        insert_many(session, WebhookDelivery, rows)
        wake(session, ((clinic.id, endpoint_id) for endpoint_id in dict.fromkeys(row["endpoint_id"] for row in rows)))


def delivery_row(
    clinic_id: UUID,
    endpoint_id: UUID,
    type: str,  # noqa: A002  (the name in Standard Webhooks)
    *,
    at: datetime,
    event_id: UUID | None = None,
    lead_id: UUID | None = None,
) -> ColumnDict:
    """Return the row of a new delivery, which is due at once."""
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "lead_id": lead_id,
        "type": type,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": at,
        "created_at": at,
    }


def wake(session: Session, endpoints: Iterable[tuple[UUID, UUID]]) -> None:
    """Plan a step for each endpoint (clinic id, endpoint id), which makes the calls that are due.

    The step belongs to the endpoint, not to a delivery: steps of one endpoint that run together share its deliveries.
    """
    add_steps(session, [wake_step(clinic_id, endpoint_id) for clinic_id, endpoint_id in endpoints])


def release_retries(session: Session, clinic_id: UUID, endpoint_id: UUID) -> None:
    """Make all retries of an endpoint due now, in the order of their events: it takes calls again."""
    session.execute(_RELEASE, {"endpoint": endpoint_id})
    wake(session, [(clinic_id, endpoint_id)])


_RELEASE: Final = text(
    "UPDATE webhook_deliveries SET next_attempt_at = created_at"
    " WHERE endpoint_id = :endpoint AND state = 'pending' AND attempts > 0"
)


def wake_step(clinic_id: UUID, endpoint_id: UUID) -> ColumnDict:
    """Return the row of a step that makes the calls of an endpoint that are due."""
    return step_row(
        clinic_id,
        None,
        due_at=now(),
        kind=Kind.POST_WEBHOOKS,
        name=Kind.POST_WEBHOOKS,
        cause={"endpoint_id": str(endpoint_id)},
        params={"endpoint_id": str(endpoint_id)},
        begun_by=BegunBy.WEBHOOK,
    )
