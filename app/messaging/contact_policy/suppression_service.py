"""Manage the clinic's suppression list.

`data` has either `email` or `phone`. The functions return is_suppressed (bool), reason (str or None) and since (aware
datetime or None).
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.identity.actor import Actor
from app.leads.contact.phone_numbers import normalise_phones
from app.messaging.contact_policy import suppression_list
from app.messaging.contact_policy.suppression_list import Address
from app.messaging.models import AddressKind


def suppress(session: Session, actor: Actor, data: Mapping[str, str]) -> JsonObject:
    """Add the address to the list, with the `reason` in `data`. Raises Invalid (an invalid phone number)."""
    address = _address(actor, data)
    suppression_list.suppress_addresses(session, actor.clinic.id, [address], reason=data["reason"])
    return _state(session, actor, address)


def unsuppress(session: Session, actor: Actor, data: Mapping[str, str]) -> JsonObject:
    """Remove the address from the list. Raises Invalid (an invalid phone number)."""
    address = _address(actor, data)
    suppression_list.unsuppress_addresses(session, actor.clinic.id, [address])
    return _state(session, actor, address)


def check(session: Session, actor: Actor, data: Mapping[str, str]) -> JsonObject:
    """Return whether the address is on the list. Raises Invalid (an invalid phone number)."""
    return _state(session, actor, _address(actor, data))


def _address(actor: Actor, data: Mapping[str, str]) -> Address:
    if "email" in data:
        return AddressKind.EMAIL, data["email"]
    return AddressKind.PHONE, normalise_phones(data, actor.clinic.region)["phone"]


def _state(session: Session, actor: Actor, address: Address) -> JsonObject:
    row = suppression_list.find_suppressed(session, [(actor.clinic.id, address)]).get((actor.clinic.id, address))
    return {"is_suppressed": row is not None, "reason": row and row.reason, "since": row and row.created_at}
