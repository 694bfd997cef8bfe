"""A clinic's gateways: how they are set up, and found by those who call them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.http_client.signing import new_secret
from app.core.http_client.targets import NotAllowed, require_allowed
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Page, page
from app.errors import Conflict, Invalid, NotFound
from app.messaging.channels.gateway_payload import Endpoint
from app.messaging.gateways.models import Gateway, Purpose

MOST_GATEWAYS: Final = 50
MESSAGES_PER_HOUR: Final = 200  # leads-follow-up-feature.md, "Rate Limiting"
BOTH_ARE_GOOD_FOR: Final = timedelta(days=1)


class GatewayNameTaken(Conflict):
    """The clinic has a gateway of this name."""


class TooManyGateways(Conflict):
    """The clinic has as many gateways as it may have."""


def list_gateways(session: Session, clinic_id: UUID, query: Mapping[str, Any]) -> Page:
    """The clinic's gateways by name; `query` is what GatewayQuery read."""
    statement = select(Gateway).where(Gateway.clinic_id == clinic_id)
    for name in query.keys() & {"purpose", "is_active"}:
        statement = statement.where(getattr(Gateway, name) == query[name])
    return page(session, statement, [(Gateway.name, "asc")], query)


def read_gateway(session: Session, clinic_id: UUID, gateway_id: UUID) -> Gateway:
    """One gateway of the clinic. Raises NotFound."""
    return _find(session, clinic_id, gateway_id, lock=False)


def create_gateway(session: Session, clinic_id: UUID, data: Mapping[str, Any]) -> Gateway:
    """A new gateway of what GatewayIn read, with its secret. Raises Invalid, GatewayNameTaken, TooManyGateways."""
    _require_allowed(data["url"])
    of_clinic = select(func.count()).where(Gateway.clinic_id == clinic_id)
    if (session.scalar(of_clinic) or 0) >= MOST_GATEWAYS:
        raise TooManyGateways
    at, default = now(), MESSAGES_PER_HOUR if data["purpose"] == Purpose.MESSAGES else None
    gateway = Gateway(id=new_id(), clinic_id=clinic_id, failures=0, created_at=at, updated_at=at, version=1)
    for name, value in {"per_hour": default, **data, "secret": new_secret()}.items():
        setattr(gateway, name, value)
    session.add(gateway)
    try:
        session.flush()
    except IntegrityError as clash:
        raise GatewayNameTaken from clash
    return gateway


def change_gateway(
    session: Session, clinic_id: UUID, gateway_id: UUID, data: Mapping[str, Any], *, seen: Seen = None
) -> Gateway:
    """Give a gateway these values. Raises NotFound, ChangedMeanwhile, Invalid."""
    if "url" in data:
        _require_allowed(data["url"])
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    require_seen(gateway, seen)
    for name, value in data.items():
        setattr(gateway, name, value)
    return _count(gateway)


def delete_gateway(session: Session, clinic_id: UUID, gateway_id: UUID, *, seen: Seen = None) -> None:
    """There is no such gateway any more; what was to go through it fails. Raises NotFound, ChangedMeanwhile."""
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    require_seen(gateway, seen)
    session.delete(gateway)


def rotate_secret(session: Session, clinic_id: UUID, gateway_id: UUID) -> Gateway:
    """Give it another secret; the one before is good for a day. Raises NotFound."""
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    gateway.previous_secret, gateway.secret = gateway.secret, new_secret()
    gateway.rotated_at = now()
    return _count(gateway)


def endpoint_of(gateway: Any, *, at: datetime) -> Endpoint:
    """A `Gateway`, or an opened row with its columns, as far as a call needs it."""
    return Endpoint(gateway.url, secrets_of(gateway, at=at), is_idempotent=gateway.idempotent)


def secrets_of(gateway: Any, *, at: datetime) -> tuple[str, ...]:
    """The secrets that are good at that time, the newest first."""
    has_both = gateway.rotated_at is not None and at < gateway.rotated_at + BOTH_ARE_GOOD_FOR
    return (gateway.secret, gateway.previous_secret) if has_both else (gateway.secret,)


def _find(session: Session, clinic_id: UUID, gateway_id: UUID, *, lock: bool) -> Gateway:
    of_clinic = select(Gateway).where(Gateway.id == gateway_id, Gateway.clinic_id == clinic_id)
    gateway = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if gateway is None:
        raise NotFound
    return gateway


def _require_allowed(url: str) -> None:
    try:
        require_allowed(url)
    except NotAllowed as refusal:
        raise Invalid.at("/url", f"It {refusal}.") from None


def _count(gateway: Gateway) -> Gateway:
    gateway.updated_at = now()
    gateway.version += 1
    return gateway
