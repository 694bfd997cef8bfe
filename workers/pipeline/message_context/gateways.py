"""Gateways for the steps of a batch, with the recent usage of those that are about to be called."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.handlers.support.context import GatewayContext, NotificationView
from app.engine.step_kind import STEP_KINDS
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways.choice import choose_gateway
from app.messaging.gateways.models import Gateway
from app.messaging.gateways.throttle import Usage, lock_usage
from app.security.encrypted_fields import decrypt_rows
from workers.pipeline.claim import ClaimedStep


def load_gateways(
    session: Session, rows: Sequence[ClaimedStep], notifications: Mapping[str, NotificationView], *, now: datetime
) -> dict[UUID, GatewayContext]:
    """Return the gateways by step id, for steps that need one."""
    with_notes = [(row, notifications.get(row.params.get("notification_id", ""))) for row in rows]
    wanting = [row for row, note in with_notes if _wants_gateway(row, note)]
    if not wanting:
        return {}
    notes = {row.id: note for row, note in with_notes}
    known = _gateways(session, {row.clinic_id for row in wanting})
    found = {row.id: _choose(known, row, notes[row.id]) for row in wanting}
    called = {
        found[row.id].id
        for row in wanting
        if STEP_KINDS[row.kind].outside and found[row.id] is not None and found[row.id].per_hour is not None
    }
    used = lock_usage(session, called, now=now) if called else {}
    return {
        step_id: GatewayContext(gateway, used.get(gateway.id, Usage()) if gateway else Usage())
        for step_id, gateway in found.items()
    }


def _wants_gateway(row: ClaimedStep, note: NotificationView | None) -> bool:
    channel = note.channel if note is not None else row.params.get("channel")
    return "gateway" in row.params or CHANNELS.needs_gateway(channel)


def _gateways(session: Session, clinic_ids: set[UUID]) -> list[Any]:
    """Return all gateways of the clinics, by name, decrypted."""
    found = session.execute(select(Gateway.__table__).where(Gateway.clinic_id.in_(clinic_ids)).order_by(Gateway.name))
    return decrypt_rows(Gateway, found)


def _choose(known: Sequence[Any], row: ClaimedStep, note: NotificationView | None) -> Any:
    """Return the gateway of a written message while it is active, else the one that the step uses."""
    own = next((one for one in known if note is not None and one.id == note.gateway_id and one.is_active), None)
    if own is not None:
        return own
    return choose_gateway([one for one in known if one.clinic_id == row.clinic_id], row.params.get("gateway"))
