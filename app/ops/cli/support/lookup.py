"""Look up objects named on the command line."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.messaging.channels.registry import CHANNELS


def clinic_by_slug(session: Session, slug: str) -> Clinic:
    """Return the clinic with this slug. Raises NotFound."""
    clinic = session.scalar(select(Clinic).where(Clinic.slug == slug))
    if clinic is None:
        raise NotFound(f"there is no clinic with the slug {slug}: see `relance clinic list`")
    return clinic


def actors(session: Session, slug: str | None) -> Sequence[Actor]:
    """Return a system actor for the clinic with this slug, or for each clinic."""
    if slug:
        return [Actor.system(load_context(session, clinic_by_slug(session, slug).id))]
    return [Actor.system(load_context(session, clinic_id)) for clinic_id in session.scalars(select(Clinic.id))]


class Instant(click.ParamType[datetime]):
    """Parameter type for an RFC 3339 time. Without a zone it is UTC."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse values such as `2026-01-31` or `2026-01-31T09:00:00Z`."""
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T09:00:00Z", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class ChannelName(click.ParamType[str]):
    """The name of a registered channel."""

    name = "channel"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, such as `email`."""
        return click.Choice(CHANNELS.names()).convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return `[email|in_app]` for the command's help."""
        return click.Choice(CHANNELS.names()).get_metavar(param, ctx)
