"""Manage a clinic's gateways, and give callers their endpoints."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.http_client.signing import RotatedSecret, new_secret, valid_secrets
from app.core.http_client.targets import NotAllowed, resolve_allowed
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.engine.steps.waiting import GATEWAY
from app.errors import Conflict, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.messaging.channels.gateway_payload import Endpoint
from app.messaging.delivery.sender_changes import wake_after_change
from app.messaging.gateways.models import Gateway, GatewayPurpose

MAX_GATEWAYS: Final = 50
DEFAULT_MESSAGES_PER_HOUR: Final = 200  # leads-follow-up-feature.md, "Rate Limiting"


class GatewayNameTaken(Conflict):
    """The clinic already has a gateway of this name."""


class TooManyGateways(Conflict):
    """The clinic already has the maximum number of gateways."""


def list_gateways(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return the clinic's gateways by name; `query` as loaded by GatewayQuery."""
    statement = select(Gateway).where(Gateway.clinic_id == clinic_id)
    for name in query.keys() & {"purpose", "is_active"}:
        statement = statement.where(getattr(Gateway, name) == query[name])
    return page(session, statement, [(Gateway.name, "asc")], query)


def read_gateway(session: Session, clinic_id: UUID, gateway_id: UUID) -> Gateway:
    """Return one gateway of the clinic. Raises NotFound."""
    return _find(session, clinic_id, gateway_id, lock=False)


def create_gateway(session: Session, clinic_id: UUID, data: JsonObject) -> Gateway:
    """Create a gateway with a new secret; `data` as loaded by GatewayIn.

    Raises Invalid (a URL that is not allowed), GatewayNameTaken, TooManyGateways.
    """
    _require_allowed(data["url"])
    _require_default_for_messages(data, data["purpose"])
    of_clinic = select(func.count()).where(Gateway.clinic_id == clinic_id)
    if (session.scalar(of_clinic) or 0) >= MAX_GATEWAYS:
        raise TooManyGateways
    at, default = now(), DEFAULT_MESSAGES_PER_HOUR if data["purpose"] == GatewayPurpose.MESSAGES else None
    gateway = Gateway(id=new_id(), clinic_id=clinic_id, failures=0, created_at=at, updated_at=at, version=1)
    for name, value in {"per_hour": default, **data, "secret": new_secret()}.items():
        setattr(gateway, name, value)
    _clear_other_defaults(session, gateway)
    session.add(gateway)
    try:
        session.flush()
    except IntegrityError as clash:
        raise GatewayNameTaken from clash
    _wake(session, gateway)
    return gateway


def change_gateway(
    session: Session, clinic_id: UUID, gateway_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> Gateway:
    """Set the given values; `data` as loaded by GatewayChange.

    Raises NotFound, ChangedMeanwhile, Invalid (a URL that is not allowed).
    """
    if "url" in data:
        _require_allowed(data["url"])
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    require_version(gateway, seen)
    _require_default_for_messages(data, gateway.purpose)
    for name, value in data.items():
        setattr(gateway, name, value)
    with session.no_autoflush:
        _clear_other_defaults(session, gateway)
    _bump_version(gateway)
    session.flush()
    _wake(session, gateway)
    return gateway


def delete_gateway(session: Session, clinic_id: UUID, gateway_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a gateway. Its pending messages wait for another. Raises NotFound, ChangedMeanwhile."""
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    require_version(gateway, seen)
    _wake(session, gateway)
    session.delete(gateway)


def rotate_secret(session: Session, clinic_id: UUID, gateway_id: UUID) -> Gateway:
    """Give the gateway a new secret; the previous one stays valid for a day. Raises NotFound."""
    gateway = _find(session, clinic_id, gateway_id, lock=True)
    gateway.previous_secret, gateway.secret = gateway.secret, new_secret()
    gateway.rotated_at = now()
    return _bump_version(gateway)


class CalledGateway(RotatedSecret, Protocol):
    """The columns of a gateway that a call to it needs, decrypted."""

    @property
    def url(self) -> str: ...
    @property
    def idempotent(self) -> bool: ...


def endpoint_of(gateway: CalledGateway, *, at: datetime) -> Endpoint:
    """Return the endpoint for calls; `gateway` is a `Gateway` or a decrypted row with its columns."""
    return Endpoint(gateway.url, valid_secrets(gateway, at=at), is_idempotent=gateway.idempotent)


def _find(session: Session, clinic_id: UUID, gateway_id: UUID, *, lock: bool) -> Gateway:
    of_clinic = select(Gateway).where(Gateway.id == gateway_id, Gateway.clinic_id == clinic_id)
    gateway = session.scalars(of_clinic.with_for_update(key_share=True) if lock else of_clinic).one_or_none()
    if gateway is None:
        raise NotFound
    return gateway


def check_url(_: Session, __: Actor, data: JsonObject, /, **___: object) -> None:
    """Check that the URL, if there is one, may be called. Raises Invalid."""
    if "url" in data:
        _require_allowed(data["url"])


def _require_allowed(url: str) -> None:
    try:
        resolve_allowed(url)
    except NotAllowed as refusal:
        raise Invalid.at("/url", f"It {refusal}.") from None


def _require_default_for_messages(data: JsonObject, purpose: str) -> None:
    if data.get("is_default") and purpose != GatewayPurpose.MESSAGES:
        raise Invalid.at("/is_default", "Only a gateway for messages can be the default.")


def _clear_other_defaults(session: Session, gateway: Gateway) -> None:
    """Clear the flag of the previous default gateway if this one is the default now."""
    if gateway.is_default:
        others = update(Gateway).where(Gateway.clinic_id == gateway.clinic_id, Gateway.id != gateway.id)
        session.execute(others.where(Gateway.is_default).values(is_default=False, version=Gateway.version + 1))


def _wake(session: Session, gateway: Gateway) -> None:
    """Let steps that wait for a gateway look again. The new version is for workers that read the gateways before."""
    bump_rules_version(session, gateway.clinic_id)
    wake_after_change(session, gateway, GATEWAY)


def _bump_version(gateway: Gateway) -> Gateway:
    gateway.updated_at = now()
    gateway.version += 1
    return gateway
