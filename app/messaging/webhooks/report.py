"""Webhook calls that wait, and endpoints that fail, over all clinics. For metrics and `relance doctor`."""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

_BACKLOG: Final = text(
    "SELECT count(*) FILTER (WHERE d.state = 'pending') AS pending,"
    " count(*) FILTER (WHERE d.state = 'sending') AS sending, min(d.created_at) AS oldest"
    " FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id AND w.is_active"
    " WHERE d.state IN ('pending', 'sending')"
)
_ENDPOINTS: Final = text(
    "SELECT count(*) FILTER (WHERE is_active AND failing_since IS NULL) AS active,"
    " count(*) FILTER (WHERE is_active AND failing_since IS NOT NULL) AS failing,"
    " count(*) FILTER (WHERE disabled_because IS NOT NULL) AS disabled FROM webhook_endpoints"
)


class WebhookBacklog(NamedTuple):
    """Deliveries to active endpoints that are not finished: their number by state, and the oldest one's time."""

    pending: int
    sending: int
    oldest: datetime | None


class WebhookEndpoints(NamedTuple):
    """Numbers of endpoints. `disabled`: by the system."""

    active: int
    failing: int
    disabled: int


def webhook_backlog(session: Session) -> WebhookBacklog:
    """Return how many deliveries wait, and since when."""
    return WebhookBacklog(*session.execute(_BACKLOG).one())


def count_endpoints(session: Session) -> WebhookEndpoints:
    """Return how many endpoints take events, fail, or were disabled."""
    return WebhookEndpoints(*session.execute(_ENDPOINTS).one())
