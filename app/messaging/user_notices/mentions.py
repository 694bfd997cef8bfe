"""Mentions of colleagues in notes: by id in `mentions`, or in the text as `@[Name](user-id)`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission, Scope
from app.identity.roles import grants_of
from app.leads.activities import service
from app.leads.models import Lead
from app.leads.search.lookup import lock_editable_lead, visible_to
from app.leads.timeline.models import Activity
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.send import send_notice
from app.messaging.user_preferences.kinds import NoticeKind

TEMPLATE: Final = "mention"
CHANNELS: Final = (in_app.CHANNEL.name, email.CHANNEL.name)
MAX_MENTIONS: Final = 20
MUST_SEE_THE_LEAD: Final = "Must be an active user of your clinic who may see the lead."

_MENTION: Final = re.compile(r"@\[[^\]\n]{1,200}\]\(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")


def log_activity(session: Session, actor: Actor, lead_id: UUID, data: JsonObject) -> Activity:
    """Log an activity as `app.leads.activities.service` does, and notify the colleagues that it mentions.

    The caller gets no notice. Raises the errors of the service, and Invalid for a user who may not see the lead.
    """
    return log_on_locked_lead(session, actor, lock_editable_lead(session, actor, lead_id), data)


def log_on_locked_lead(session: Session, actor: Actor, lead: Lead, data: JsonObject) -> Activity:
    """As `log_activity`, for a lead that the caller has locked."""
    entry = {name: value for name, value in data.items() if name != "mentions"}
    activity = service.log_on_locked_lead(session, actor, lead, entry)
    check_mentions_of(session, lead, data)
    mentioned = set(_pointers(data)) - {actor.user_id}
    if mentioned:
        _notify(session, actor, lead, mentioned)
    return activity


def check_mentions(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID, **_: object) -> None:
    """Check that the mentioned users may see the lead. Raises Invalid with every mistake; none for an unknown lead."""
    if not _pointers(data):
        return
    lead = session.scalars(select(Lead).where(Lead.id == lead_id, *visible_to(actor))).one_or_none()
    if lead is not None:
        check_mentions_of(session, lead, data)


def check_mentions_of(session: Session, lead: Lead, data: JsonObject) -> None:
    """Check that the mentioned users may see this lead. Raises Invalid with every mistake."""
    pointers = _pointers(data)
    if not pointers:
        return
    eligible = _eligible(session, lead, pointers)
    if mistakes := [FieldError(at, MUST_SEE_THE_LEAD) for who, at in pointers.items() if who not in eligible]:
        raise Invalid(*mistakes)


def _pointers(data: JsonObject) -> Mapping[UUID, str]:
    """Return the mentioned users, each with the JSON pointer of a mention."""
    in_text: Sequence[str] = _MENTION.findall(data.get("notes") or "")
    listed: Iterable[UUID] = data.get("mentions") or ()
    return {UUID(found): "/notes" for found in in_text} | {who: f"/mentions/{at}" for at, who in enumerate(listed)}


def _eligible(session: Session, lead: Lead, user_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of the users who are active and may see the lead."""
    columns = select(User.id, User.role, User.team_id).where(User.clinic_id == lead.clinic_id, User.is_active)
    users = session.execute(columns.where(User.id.in_([*user_ids]))).all()
    grants = {role: grants_of(session, lead.clinic_id, role) for role in {user.role for user in users}}
    team_id = session.scalar(select(User.team_id).where(User.id == lead.assigned_to_id))
    return {
        user.id
        for user in users
        if _may_see(lead, grants[user.role].get(Permission.LEAD_READ), user.id, is_team=_same(user.team_id, team_id))
    }


def _may_see(lead: Lead, scope: Scope | None, user_id: UUID, *, is_team: bool) -> bool:
    if scope is None:
        return False
    return scope is Scope.ALL or lead.assigned_to_id == user_id or (scope is Scope.TEAM and is_team)


def _same(team_id: UUID | None, other: UUID | None) -> bool:
    return team_id is not None and team_id == other


def _notify(session: Session, actor: Actor, lead: Lead, user_ids: Iterable[UUID]) -> None:
    """Notify these users. The note is not in the notice, because it may have health data."""
    name = f"{lead.first_name} {lead.last_name}".strip()
    wording = Wording(
        f"{actor.name} mentioned you: {name}", f"{actor.name} mentioned you in a note about {name}. See the timeline."
    )
    metadata = MessageMetadata(actor.clinic.id, template=TEMPLATE, notice=NoticeKind.MENTION, lead_id=lead.id)
    for user_id in sorted(user_ids):
        send_notice(session, actor.clinic, user_id, wording, metadata=metadata, channels=CHANNELS, at=now())
