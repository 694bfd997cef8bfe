"""The clinic's list of suppressed addresses, as admins keep it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.leads.contact.phone_numbers import normalise_phones
from app.messaging.contact_policy import suppression_list
from app.messaging.contact_policy.suppression_list import Address
from app.messaging.models import Way


def suppress(session: Session, actor: Actor, data: Mapping[str, str]) -> Mapping[str, Any]:
    """Put the address on the list. Raises Invalid (a phone that cannot be read)."""
    address = _address(actor, data)
    suppression_list.suppress_addresses(session, actor.clinic.id, [address], reason=data["reason"])
    return _state(session, actor, address)


def lift(session: Session, actor: Actor, data: Mapping[str, str]) -> Mapping[str, Any]:
    """Take the address off the list. Raises Invalid."""
    address = _address(actor, data)
    suppression_list.lift(session, actor.clinic.id, [address])
    return _state(session, actor, address)


def check(session: Session, actor: Actor, data: Mapping[str, str]) -> Mapping[str, Any]:
    """Whether the address is on the list. Raises Invalid."""
    return _state(session, actor, _address(actor, data))


def _address(actor: Actor, data: Mapping[str, str]) -> Address:
    if "email" in data:
        return Way.EMAIL, data["email"]
    return Way.PHONE, normalise_phones(data, actor.clinic.region)["phone"]


def _state(session: Session, actor: Actor, address: Address) -> Mapping[str, Any]:
    row = suppression_list.find_suppressed(session, [(actor.clinic.id, address)]).get((actor.clinic.id, address))
    return {"is_suppressed": row is not None, "reason": row and row.reason, "since": row and row.created_at}
