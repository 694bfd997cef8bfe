"""Emergency access ("break glass"): read all leads for a limited time, with a reason, and tell the admins (HIPAA)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.service import add_steps
from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.models import Role
from app.identity.sign_in.sessions import extend_access
from app.identity.users.lookup import active_users
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.kinds import NoticeKind

TEMPLATE: Final = "emergency-access"
LONGEST: Final = 60  # minutes
USUAL: Final = 30


def start_emergency_access(session: Session, actor: Actor, *, reason: str, minutes: int) -> datetime:
    """Let this sign-in read all leads with their health data for `minutes`. Returns the end of the access.

    The audit log gets the reason, and all admins are notified at once. Raises Forbidden (API key).
    """
    if actor.user_id is None or actor.sign_in_id is None:
        raise Forbidden("An API key cannot start an emergency access.")
    at = now()
    until = at + timedelta(minutes=minutes)
    extend_access(session, actor.sign_in_id, until)
    after = {"emergency_access_until": until.isoformat(), "reason": reason}
    audit_log.note_change(session, "user", [actor.user_id], act=Act.UPDATE, after=after)
    messages = _messages_to_admins(session, actor, until, at=at)
    insert_notifications(session, messages)
    add_steps(session, delivery_steps(messages, due_at=at))
    return until


def _messages_to_admins(session: Session, actor: Actor, until: datetime, *, at: datetime) -> Sequence[JsonDict]:
    channels = [in_app.CHANNEL.name, email.CHANNEL.name]
    metadata = MessageMetadata(actor.clinic.id, template=TEMPLATE, notice=NoticeKind.SECURITY)
    return [
        message
        for user in active_users(session, actor.clinic.id).values()
        if user.role == Role.CLINIC_ADMIN
        for message in compose(
            _wording(actor, until), Recipient(user.id, user.email), metadata=metadata, channels=channels, at=at
        )
    ]


def _wording(actor: Actor, until: datetime) -> Wording:
    """Return the text for admins. The reason is only in the audit log, because it may name a patient."""
    local = until.astimezone(actor.clinic.calendar.zone)
    return Wording(
        f"Emergency access by {actor.name}",
        f"{actor.name} started an emergency access to all leads at {actor.clinic.name}. It ends at {local:%H:%M}."
        " The audit log has the reason and every lead that was read.",
    )
