"""Deliveries that are due: claimed by the steps of their endpoints, and found by the sweep."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.http_client.signing import RotatedSecret
from app.core.type_aliases import JsonDict
from app.engine.models import Kind
from app.leads.models import Lead
from app.messaging.webhooks.models import WebhookEndpoint
from app.messaging.webhooks.payloads import DueDelivery, lead_snapshot
from app.messaging.webhooks.retries import PAUSE_AFTER
from app.messaging.webhooks.subscriptions import wake
from app.security.encrypted_fields import decrypt_rows

MOST_PER_ENDPOINT: Final = 400  # calls of one step
MOST_TOGETHER: Final = 1000  # calls of the steps that run together
_ENDPOINTS_PER_SWEEP: Final = 500

# A delivery `d` of an endpoint `w` that may be attempted at `:now`. The lease of one that is being sent has expired.
# For ordered endpoints it is the first unfinished delivery of its lead.
_IS_DUE: Final = (
    "d.endpoint_id = w.id AND d.state IN ('pending', 'sending') AND d.next_attempt_at <= :now"
    " AND (NOT w.ordered OR d.lead_id IS NULL OR NOT EXISTS (SELECT FROM webhook_deliveries x"
    " WHERE x.endpoint_id = w.id AND x.lead_id = d.lead_id AND x.id < d.id AND x.state IN ('pending', 'sending')))"
)
_TAKES_CALLS: Final = "w.is_active AND (w.paused_until IS NULL OR w.paused_until <= :now)"
# A failing endpoint gets one call, which shows whether it answers again.
_CLAIM: Final = text(
    "SELECT d.id, d.clinic_id, d.endpoint_id, d.event_id, d.lead_id, d.type, d.attempts, d.created_at,"  # noqa: S608
    " e.subject_id, e.occurred_at, e.facts -> 'event' -> 'changed' AS changed"
    " FROM unnest(CAST(:endpoints AS uuid[])) AS wanted(id) JOIN webhook_endpoints w ON w.id = wanted.id"
    f" AND {_TAKES_CALLS}"
    f" CROSS JOIN LATERAL (SELECT d.* FROM webhook_deliveries d WHERE {_IS_DUE} ORDER BY d.next_attempt_at, d.id"
    " LIMIT CASE WHEN w.failures >= :few THEN 1 ELSE :most END FOR UPDATE SKIP LOCKED) AS d"
    " LEFT JOIN events e ON e.id = d.event_id ORDER BY d.next_attempt_at, d.id"
)
_DUE_ENDPOINTS: Final = text(
    f"SELECT w.clinic_id, w.id FROM webhook_endpoints w WHERE {_TAKES_CALLS}"  # noqa: S608
    f" AND EXISTS (SELECT FROM webhook_deliveries d WHERE {_IS_DUE})"
    " AND NOT EXISTS (SELECT FROM steps s WHERE s.kind = :kind AND s.clinic_id = w.clinic_id"
    " AND s.state IN ('planned', 'published') AND s.params ->> 'endpoint_id' = w.id::text) LIMIT :most"
)


class EndpointView(RotatedSecret, Protocol):
    """The columns of an endpoint that its calls need, decrypted. The encrypted ones are None if decryption failed."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def url(self) -> str: ...
    @property
    def ordered(self) -> bool: ...
    @property
    def include_lead(self) -> bool: ...


class WebhookBatch(NamedTuple):
    """An endpoint and the calls of one step to it. `leads` are the snapshots of their leads, if calls contain them."""

    endpoint: EndpointView
    deliveries: Sequence[DueDelivery]
    leads: Mapping[UUID, JsonDict | None]
    is_full: bool  # further deliveries may be due
    is_readable: bool  # whether URL and secret could be decrypted

    def lead_of(self, delivery: DueDelivery) -> JsonDict | None:
        """Return the snapshot of the delivery's lead; None without one."""
        return self.leads.get(delivery.lead_id) if delivery.lead_id else None


def claim_batches(session: Session, endpoint_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, WebhookBatch]:
    """Lock the due deliveries of these endpoints, the earliest first. Returns them by endpoint id.

    An endpoint that is deleted, inactive or paused, or without due deliveries, is missing.
    """
    most = max(min(MOST_PER_ENDPOINT, MOST_TOGETHER // len(endpoint_ids)), 1)
    given = {"endpoints": list(endpoint_ids), "now": now, "few": PAUSE_AFTER, "most": most}
    found: dict[UUID, list[Any]] = {}
    for row in session.execute(_CLAIM, given):
        found.setdefault(row.endpoint_id, []).append(row)
    if not found:
        return {}
    endpoints = select(WebhookEndpoint.__table__).where(WebhookEndpoint.id.in_(found))
    known = {row.id: row for row in decrypt_rows(WebhookEndpoint, session.execute(endpoints))}
    with_lead = [endpoint_id for endpoint_id, endpoint in known.items() if endpoint.include_lead]
    leads = _snapshots(session, {row.lead_id for endpoint_id in with_lead for row in found[endpoint_id]})
    return {
        endpoint_id: WebhookBatch(endpoint, own, leads, len(own) >= most, is_readable=endpoint.url is not None)
        for endpoint_id, own in found.items()
        if (endpoint := known.get(endpoint_id)) is not None
    }


def _snapshots(session: Session, lead_ids: set[UUID | None]) -> dict[UUID, JsonDict | None]:
    wanted = lead_ids - {None}
    if not wanted:
        return {}
    found = session.execute(select(Lead.__table__).where(Lead.id.in_(wanted)))
    return {row.id: lead_snapshot(row) for row in decrypt_rows(Lead, found)}


def wake_due_endpoints(session: Session, *, now: datetime) -> int:
    """Plan a step for each endpoint that has due deliveries and no pending step. Returns their number."""
    given = {"now": now, "kind": Kind.POST_WEBHOOKS, "most": _ENDPOINTS_PER_SWEEP}
    found = session.execute(_DUE_ENDPOINTS, given).all()
    wake(session, ((row.clinic_id, row.id) for row in found))
    return len(found)
