"""Manage a clinic's webhook endpoints."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.http_client.signing import new_secret
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.permissions import Permission, Scope
from app.messaging.gateways.service import check_url
from app.messaging.webhooks.models import WebhookEndpoint
from app.messaging.webhooks.subscriptions import release_retries, wake

MAX_ENDPOINTS: Final = 20


class TooManyWebhooks(Conflict):
    """The clinic already has the maximum number of webhook endpoints."""


class WebhookIsInactive(Conflict):
    """The webhook endpoint is inactive: activate it first."""


def list_endpoints(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return the clinic's endpoints, oldest first; `query` as loaded by WebhookQuery."""
    mine = select(WebhookEndpoint).where(WebhookEndpoint.clinic_id == clinic_id)
    if "is_active" in query:
        mine = mine.where(WebhookEndpoint.is_active == query["is_active"])
    return page(session, mine, [(WebhookEndpoint.id, "asc")], query)


def find_endpoint(session: Session, clinic_id: UUID, webhook_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """Return one endpoint of the clinic. Raises NotFound."""
    mine = select(WebhookEndpoint).where(WebhookEndpoint.id == webhook_id, WebhookEndpoint.clinic_id == clinic_id)
    endpoint = session.scalars(mine.with_for_update(key_share=True) if lock else mine).one_or_none()
    if endpoint is None:
        raise NotFound
    return endpoint


def create_endpoint(session: Session, actor: Actor, data: JsonObject) -> WebhookEndpoint:
    """Create an endpoint with a new secret; `data` as loaded by WebhookIn. Raises Invalid, TooManyWebhooks."""
    check_endpoint(session, actor, data)
    bump_rules_version(session, actor.clinic.id)  # also locks the clinic's row, so that endpoints are counted right
    of_clinic = select(func.count()).where(WebhookEndpoint.clinic_id == actor.clinic.id)
    if (session.scalar(of_clinic) or 0) >= MAX_ENDPOINTS:
        raise TooManyWebhooks
    at = now()
    endpoint = WebhookEndpoint(id=new_id(), clinic_id=actor.clinic.id, created_at=at, updated_at=at, version=1)
    for name, value in {**data, "secret": new_secret()}.items():
        setattr(endpoint, name, value)
    session.add(endpoint)
    session.flush()
    return endpoint


def update_endpoint(
    session: Session, actor: Actor, webhook_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> WebhookEndpoint:
    """Replace the settings of an endpoint. One that is activated, or gets another URL, is called at once.

    Raises NotFound, ChangedMeanwhile, Invalid.
    """
    check_endpoint(session, actor, data)
    bump_rules_version(session, actor.clinic.id)
    endpoint = find_endpoint(session, actor.clinic.id, webhook_id, lock=True)
    require_version(endpoint, seen)
    is_new = endpoint.url != data["url"] or not endpoint.is_active
    for name, value in data.items():
        setattr(endpoint, name, value)
    if endpoint.is_active and is_new:
        _start_again(session, endpoint)
    return _bump_version(session, endpoint)


def delete_endpoint(session: Session, clinic_id: UUID, webhook_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete an endpoint. Its deliveries are not sent, and expire. Raises NotFound, ChangedMeanwhile."""
    bump_rules_version(session, clinic_id)
    endpoint = find_endpoint(session, clinic_id, webhook_id, lock=True)
    require_version(endpoint, seen)
    session.delete(endpoint)


def rotate_secret(session: Session, clinic_id: UUID, webhook_id: UUID) -> WebhookEndpoint:
    """Give the endpoint a new secret; the previous one stays valid for a day. Raises NotFound."""
    endpoint = find_endpoint(session, clinic_id, webhook_id, lock=True)
    endpoint.previous_secret, endpoint.secret = endpoint.secret, new_secret()
    endpoint.rotated_at = now()
    return _bump_version(session, endpoint)


def call_at_once(session: Session, endpoint: WebhookEndpoint) -> None:
    """Make the due calls of an endpoint now, even if it is paused. Raises WebhookIsInactive."""
    if not endpoint.is_active:
        raise WebhookIsInactive
    endpoint.paused_until = None
    wake(session, [(endpoint.clinic_id, endpoint.id)])


def _start_again(session: Session, endpoint: WebhookEndpoint) -> None:
    """Forget the failures of an endpoint, and send all that waits."""
    endpoint.failures = endpoint.pauses = 0
    endpoint.failing_since = endpoint.paused_until = endpoint.warned_at = endpoint.last_error = None
    endpoint.disabled_at = endpoint.disabled_because = None
    release_retries(session, endpoint.clinic_id, endpoint.id)


def check_endpoint(session: Session, actor: Actor, data: JsonObject, /, **path: object) -> None:
    """Check that the URL may be called, and that the caller sees all leads that calls contain. Raises Invalid."""
    check_all(lambda: _require_all_leads(actor, data), lambda: check_url(session, actor, data, **path))


def _require_all_leads(actor: Actor, data: JsonObject) -> None:
    if data["include_lead"] and actor.permissions.get(Permission.LEAD_READ) != Scope.ALL:
        raise Invalid.at("/include_lead", "This needs the permission lead:read for all leads.")


def _bump_version(session: Session, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    endpoint.updated_at = now()
    endpoint.version += 1
    session.flush()
    return endpoint
