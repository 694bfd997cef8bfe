"""Addresses with a signed id: a mail to one of them belongs to the message with that id."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.messaging.inbound.reports import RELANCE_ID_HEADER
from app.security.signed_ids import LENGTH, InvalidSignedId, read_signed_id, sign_id

LONGEST_LOCAL_PART: Final = 64 - LENGTH - 1  # before the plus sign (RFC 5321, 4.5.3.1)
_REPLY: Final = "reply"  # purposes of signatures
_BOUNCE: Final = "bounce"
_MESSAGE: Final = "message"


@dataclass(frozen=True, slots=True)
class ReturnAddresses:
    """Where answers and bounces of one message go, and the headers that identify it."""

    reply_to: str | None = None
    return_path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


NO_RETURN_ADDRESSES: Final = ReturnAddresses()


def return_addresses(inbound_address: str, notification_id: UUID, *, for_bounces: bool) -> ReturnAddresses:
    """Return the addresses of a message, from the clinic's inbound address.

    `hello@clinic.example` gets mail for `hello+ID@clinic.example`. `@inbox.clinic.example` gets all mail of the domain,
    so its addresses are `reply+ID@` and `bounce+ID@`.
    """
    return ReturnAddresses(
        reply_to=_signed(inbound_address, _REPLY, notification_id),
        return_path=_signed(inbound_address, _BOUNCE, notification_id) if for_bounces else None,
        headers={RELANCE_ID_HEADER: sign_id(_MESSAGE, notification_id)},
    )


def ids_in_addresses(addresses: Iterable[str]) -> list[UUID]:
    """Return the ids of messages that are signed in these addresses."""
    tokens = (address.partition("@")[0].rpartition("+")[2] for address in addresses)
    return [found for token in tokens for found in _read(token, _REPLY, _BOUNCE)]


def ids_in_headers(values: Iterable[str]) -> list[UUID]:
    """Return the ids of messages that are signed in values of `X-Relance-Id`."""
    return [found for value in values for found in _read(value.strip(), _MESSAGE)]


def _signed(inbound_address: str, purpose: str, notification_id: UUID) -> str:
    local, _, domain = inbound_address.rpartition("@")
    return f"{local or purpose}+{sign_id(purpose, notification_id)}@{domain}"


def _read(token: str, *purposes: str) -> list[UUID]:
    found = []
    if len(token) == LENGTH:
        for purpose in purposes:
            with suppress(InvalidSignedId):
                found.append(read_signed_id(purpose, token))
    return found
