"""Notices to admins about endpoints that fail."""

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from app.clock import now
from app.config import get_settings
from app.messaging.rendering.render import Wording
from app.messaging.user_notices import admin_notices
from app.messaging.webhooks.models import DisabledBecause, WebhookEndpoint

FAILING: Final = "webhook-endpoint-failing"
DISABLED: Final = "webhook-endpoint-disabled"

_REPLAY: Final = (
    "When it answers again, activate it (PATCH /api/webhooks/{id}): events that it had not received before are sent."
    " Events that occurred while it was disabled are sent by POST /api/webhooks/{id}/replay with the state `missing`."
)


def warn(session: Session, endpoint: WebhookEndpoint) -> None:
    """Notify the admins that an endpoint has failed for a day."""
    days = get_settings().webhook_disable_after_days
    _send(
        session,
        endpoint,
        FAILING,
        Wording(
            f"The webhook endpoint {_name(endpoint)} fails",
            f"The webhook endpoint {_name(endpoint)} takes no events since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC"
            f" ({endpoint.last_error}). Its events wait and are sent again. After {days} days it is disabled.",
        ),
    )


def report_disabled(session: Session, endpoint: WebhookEndpoint) -> None:
    """Notify the admins that an endpoint was disabled."""
    because = (
        "it answered 410 (Gone)"
        if endpoint.disabled_because == DisabledBecause.GONE
        else f"every call has failed since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC ({endpoint.last_error})"
    )
    body = f"The webhook endpoint {_name(endpoint)} was disabled, because {because}. {_REPLAY}"
    _send(session, endpoint, DISABLED, Wording(f"The webhook endpoint {_name(endpoint)} was disabled", body))


def _send(session: Session, endpoint: WebhookEndpoint, template: str, wording: Wording) -> None:
    admin_notices.notify_admins(session, {endpoint.clinic_id: wording}, template=template, at=now())


def _name(endpoint: WebhookEndpoint) -> str:
    """Return the description, else the host: the rest of the URL may contain a token."""
    return endpoint.description or urlsplit(endpoint.url).hostname or str(endpoint.id)
