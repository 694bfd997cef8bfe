"""Warnings about parts of a definition that lack something in the set-up of the clinic."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.gateway_warnings import gateway_warnings, load_choices
from app.automation.sender_warnings import has_postal_address, sender_warnings
from app.core.type_aliases import JsonDict


def load_warnings(session: Session, clinic_id: UUID) -> Callable[[object], list[JsonDict]]:
    """Return a function from a definition to its warnings (`pointer` and `message`). It runs two queries."""
    gateways, has_address = load_choices(session, clinic_id), has_postal_address(session, clinic_id)
    return lambda definition: [
        *gateway_warnings(gateways, definition),
        *sender_warnings(definition, has_address=has_address),
    ]
