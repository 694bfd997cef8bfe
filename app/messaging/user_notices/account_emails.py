"""Account e-mails: the invitation and the password reset, each with a link to choose a password."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict
from app.engine.service import add_steps
from app.identity.models import Clinic, PasswordLink, User
from app.identity.passwords.links import INVITATION, PASSWORD_RESET, end_links
from app.messaging.channels import email
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording

LINK_LIFETIME: Final = {INVITATION: timedelta(days=7), PASSWORD_RESET: timedelta(hours=1)}


def send_invitation(session: Session, user: User, clinic_name: str, inviter: str) -> None:
    """Send a new user an invitation with a link to choose a password, valid for 7 days."""
    _send(session, user, INVITATION, _invitation(user.name, clinic_name, inviter))


def send_password_reset(session: Session, user: User) -> None:
    """Send a user a link to choose a new password, valid for one hour."""
    clinic = session.get_one(Clinic, user.clinic_id)
    _send(session, user, PASSWORD_RESET, _password_reset(user.name, clinic.name))


def _send(session: Session, user: User, template: str, wording: Wording) -> None:
    at = now()
    metadata = MessageMetadata(user.clinic_id, template=template)
    rows = compose(wording, Recipient(user.id, user.email), metadata=metadata, channels=[email.CHANNEL.name], at=at)
    insert_notifications(session, rows)
    end_links(session, user.id, at=at)
    session.add_all(_link(user, row, template, at) for row in rows)
    add_steps(session, delivery_steps(rows, due_at=at))


def _link(user: User, message: JsonDict, template: str, at: datetime) -> PasswordLink:
    """Return the row of a link. Until a user has a password, a link is as long valid as the invitation that it ends."""
    lifetime = LINK_LIFETIME[template if user.has_password else INVITATION]
    return PasswordLink(id=message["id"], user_id=user.id, created_at=at, expires_at=at + lifetime)


def _invitation(name: str, clinic_name: str, inviter: str) -> Wording:
    days = LINK_LIFETIME[INVITATION].days
    return Wording(
        f"Your place at {clinic_name}",
        f"Hello {name},\n\n{inviter} has added you to {clinic_name}. Choose a password here to sign in;"
        f" the link is good for {days} days, once:",
    )


def _password_reset(name: str, clinic_name: str) -> Wording:
    return Wording(
        "Choose a new password",
        f"Hello {name},\n\nsomebody, you perhaps, has asked for a new password at {clinic_name}. Choose it here; the"
        " link is good for an hour, once. If it was not you, there is nothing to do:",
    )
