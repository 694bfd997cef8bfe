"""Load the notice settings of users: of one clinic from a cache, of several clinics with two queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import time
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.messaging.user_preferences.models import NoticeDestination, NoticePreferences
from app.messaging.user_preferences.routes import DIGEST_AT, NoticeSettings

SettingsByUser: TypeAlias = Mapping[UUID, NoticeSettings]  # users without choices and destinations are left out


@cache_per_version
def notice_settings_of(session: Session, clinic: ClinicContext) -> SettingsByUser:
    """Return the settings of the clinic's users. Every change of them must increment `rules_version`."""
    return load_notice_settings(session, [clinic.id])


def load_notice_settings(session: Session, clinic_ids: Collection[UUID]) -> SettingsByUser:
    """Return the settings of the users of these clinics, in two queries."""
    of_clinics = select(NoticePreferences).where(NoticePreferences.clinic_id.in_(clinic_ids))
    chosen = {row.id: row for row in session.scalars(of_clinics)}
    destinations = _destinations(session, clinic_ids)
    return {
        user_id: settings_from(chosen.get(user_id), destinations.get(user_id, {}))
        for user_id in {*chosen, *destinations}
    }


def settings_from(
    row: NoticePreferences | None, destinations: Mapping[str, tuple[UUID, ...]] | None = None
) -> NoticeSettings:
    """Return the settings that a row stores; without one, the defaults."""
    if row is None:
        return NoticeSettings(destinations=destinations or {})
    digest_at = time.fromisoformat(row.digest_at) if row.digest_at else DIGEST_AT
    return NoticeSettings(row.choices, destinations or {}, digest_at, row.timezone)


def _destinations(session: Session, clinic_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, tuple[UUID, ...]]]:
    columns = select(NoticeDestination.user_id, NoticeDestination.channel, NoticeDestination.id)
    found: dict[UUID, dict[str, tuple[UUID, ...]]] = defaultdict(dict)
    for row in session.execute(columns.where(NoticeDestination.clinic_id.in_(clinic_ids)).order_by("id")):
        found[row.user_id][row.channel] = (*found[row.user_id].get(row.channel, ()), row.id)
    return found
