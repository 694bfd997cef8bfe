"""Finding what a command line names."""

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
    """Raises NotFound, naming the slug."""
    clinic = session.scalar(select(Clinic).where(Clinic.slug == slug))
    if clinic is None:
        raise NotFound(f"there is no clinic with the slug {slug}: `relance clinic list` shows them")
    return clinic


def actors(session: Session, slug: str | None) -> Sequence[Actor]:
    """The operator, acting for one clinic, or for each of them."""
    if slug:
        return [Actor.system(load_context(session, clinic_by_slug(session, slug).id))]
    return [Actor.system(load_context(session, clinic_id)) for clinic_id in session.scalars(select(Clinic.id))]


class Instant(click.ParamType[datetime]):
    """An RFC 3339 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """`2026-01-31`, `2026-01-31T09:00:00Z`."""
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-01-31T09:00:00Z", param, ctx)
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
