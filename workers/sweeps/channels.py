"""Channels and gateways that are down: ask whether they answer again, notify the admins, and release what waits."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import get_settings
from app.core.db import transaction
from app.messaging.channels import gateway_client
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways.models import Gateway
from app.messaging.outages import notices, store

NAME: Final = "watch_channels"

log = structlog.get_logger()


def probe_channels() -> None:
    """Ask each channel and gateway that is down, once per interval over all hosts. No transaction is open meanwhile."""
    with transaction() as session:
        targets = store.claim_probes(session, interval=_interval())
        urls = _urls(session, [gateway_id for _, gateway_id in targets if gateway_id])
    for target, gateway_id in targets:
        error = _probe(target, gateway_id, urls)
        with transaction() as session:
            store.record_probe(session, target, error)
        log.warning("channel.probed", target=target, error=error)


def watch_channels(session: Session) -> int:
    """Notify the admins of outages, and release waiting messages. Returns the number of messages released."""
    for outage in store.claim_notices(session, older_than=_interval()):
        notices.notify_of_outage(session, outage)
        log.error("channel.down", target=outage.target, since=outage.failing_since.isoformat(), error=outage.error)
    store.forget_deleted_gateways(session)
    return store.release_waiting(session)


def _interval() -> timedelta:
    return timedelta(seconds=get_settings().channel_probe_seconds)


def _urls(session: Session, gateway_ids: list[UUID]) -> dict[UUID, str | None]:
    if not gateway_ids:
        return {}
    return {gateway.id: gateway.url for gateway in session.scalars(select(Gateway).where(Gateway.id.in_(gateway_ids)))}


def _probe(target: str, gateway_id: UUID | None, urls: dict[UUID, str | None]) -> str | None:
    """Return why the target takes no messages; None if it answers, or if only a message can tell."""
    if gateway_id is not None:
        url = urls.get(gateway_id)
        return gateway_client.probe(url) if url else None
    return CHANNELS[target].probe() if target in CHANNELS else None
