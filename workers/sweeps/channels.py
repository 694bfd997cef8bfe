"""Channels, gateways and sending accounts that are down.

Ask whether they answer again, notify the admins, and release what waits.
"""

import time
from datetime import timedelta
from typing import Final, NamedTuple

import structlog
from sqlalchemy.orm import Session

from app.config import get_settings
from app.core.db import transaction
from app.messaging.channels import gateway_client
from app.messaging.channels.account import Account
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways.models import Gateway
from app.messaging.outages import notices, store
from app.messaging.sending_accounts.directory import account_of
from app.messaging.sending_accounts.models import SendingAccount

NAME: Final = "watch_channels"
PROBE_TIMEOUT: Final = 5.0  # seconds
AT_MOST: Final = 3.0  # seconds after which no other target is asked in the same run

log = structlog.get_logger()


class AskedAccount(NamedTuple):
    """A sending account to ask, by one of its channels."""

    channel: str
    account: Account


def probe_channels() -> None:
    """Ask each channel, gateway and account that is down, once per interval over all hosts; wake what waited for it.

    No transaction is open meanwhile. It stops after a few seconds, so that mute servers do not delay other sweeps.
    """
    until = time.monotonic() + AT_MOST
    while time.monotonic() < until and _probe_next():
        pass


def watch_channels(session: Session) -> int:
    """Notify the admins of outages, and release waiting messages. Returns the number of messages released."""
    for outage in store.claim_notices(session, older_than=_interval()):
        notices.notify_of_outage(session, outage)
        log.error("channel.down", target=outage.target, since=outage.failing_since.isoformat(), error=outage.error)
    store.forget_deleted_targets(session)
    return store.release_waiting(session)


def _interval() -> timedelta:
    return timedelta(seconds=get_settings().channel_probe_seconds)


def _probe_next() -> bool:
    """Ask the next target. Returns whether there was one."""
    with transaction() as session:
        probe = store.claim_probe(session, longest=_interval())
        if probe is None:
            return False
        gateway = session.get(Gateway, probe.gateway_id) if probe.gateway_id else None
        url = gateway.url if gateway else None
        row = session.get(SendingAccount, probe.account_id) if probe.account_id else None
        account = AskedAccount(row.channels[0], account_of(row)) if row else None
    error = _ask_account(account) if probe.account_id else _ask(probe, url)
    with transaction() as session:
        store.record_probe(session, probe.target, error)
    log.warning("channel.probed", target=probe.target, error=error)
    return True


def _ask_account(asked: AskedAccount | None) -> str | None:
    """Return why the account takes no messages; None if it answers, or if it was deleted."""
    if asked is None or asked.channel not in CHANNELS:
        return None
    return CHANNELS[asked.channel].probe_account(asked.account, PROBE_TIMEOUT)


def _ask(probe: store.Probe, url: str | None) -> str | None:
    """Return why the target takes no messages; None if it answers, or if only a message can tell."""
    if probe.gateway_id is not None:
        return gateway_client.probe(url, timeout=PROBE_TIMEOUT) if url else None
    return CHANNELS[probe.target].probe(PROBE_TIMEOUT) if probe.target in CHANNELS else None
