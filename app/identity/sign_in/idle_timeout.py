"""Idle time-out: sign-ins of users who see health data end after IDLE_TIMEOUT_MINUTES without a call."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, or_, true, update
from sqlalchemy.exc import SQLAlchemyError

from app.clock import now
from app.config import get_settings
from app.core.db import transaction
from app.identity.models import SignIn
from app.identity.permissions import Grants, Permission

LAST_USED_RESOLUTION: Final = timedelta(minutes=1)

log = structlog.get_logger()

# Ids of sign-ins whose `last_used_at` is outdated: added during authentication, saved after the response.
recently_used: Final[set[UUID]] = set()


def is_idle(last_used_at: datetime | None, grants: Grants) -> bool:
    """Whether a sign-in with these grants was unused for too long. A sign-in from before the upgrade was not."""
    minutes = get_settings().idle_timeout_minutes
    if not minutes or last_used_at is None or Permission.LEAD_PRIVATE not in grants:
        return False
    return last_used_at < now() - timedelta(minutes=minutes)


def is_active(grants: Grants) -> ColumnElement[bool]:
    """Return the condition that a sign-in with these grants was not unused for too long, as `is_idle`."""
    minutes = get_settings().idle_timeout_minutes
    if not minutes or Permission.LEAD_PRIVATE not in grants:
        return true()
    return or_(SignIn.last_used_at.is_(None), SignIn.last_used_at >= now() - timedelta(minutes=minutes))


def note_use(sign_in_id: UUID, last_used_at: datetime | None) -> None:
    """Note a call of this sign-in. It is saved after the response, at most once a minute."""
    if last_used_at is None or last_used_at < now() - LAST_USED_RESOLUTION:
        recently_used.add(sign_in_id)


def save_last_used() -> None:
    """Save `last_used_at` of the noted sign-ins, in a transaction of its own."""
    ids = [recently_used.pop() for _ in range(len(recently_used))]
    at = now()
    outdated = or_(SignIn.last_used_at.is_(None), SignIn.last_used_at < at - LAST_USED_RESOLUTION)
    try:
        with transaction() as session:
            session.execute(update(SignIn).where(SignIn.id.in_(ids), outdated).values(last_used_at=at))
    except SQLAlchemyError as failure:
        log.warning("sign_in_use_not_noted", error=type(failure).__name__)
