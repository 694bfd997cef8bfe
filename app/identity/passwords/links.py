"""Links for choosing a password. Their tokens are signed (HMAC) and not stored. Only the newest one of a user works."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.config import get_settings
from app.core.key_derivation import key_for
from app.errors import Unauthenticated
from app.identity.models import PasswordLink, User

PATH: Final = "/account/password"
INVITATION: Final = "invitation"
PASSWORD_RESET: Final = "password-reset"  # noqa: S105  (slug of a template)
LINK_TEMPLATES: Final = frozenset({INVITATION, PASSWORD_RESET})  # templates whose messages end with a link

_ID_BYTES: Final = 16


class LinkIsNoGood(Unauthenticated):
    """The link has expired or was already used. Request a new one."""


def append_link(template: str, message_id: UUID, body: str) -> str:
    """Return the message text to send. The link is added only at this point, so that it is never stored."""
    if template not in LINK_TEMPLATES:
        return body
    page = get_settings().password_page_url or f"{get_settings().own_url}{PATH}"
    return f"{body}\n\n{page}#{write_token(message_id)}\n"  # a URL fragment never appears in server logs


def write_token(link_id: UUID) -> str:
    """Return the signed token of a link."""
    return urlsafe_b64encode(link_id.bytes + _sign(link_id.bytes)).rstrip(b"=").decode()


def parse_token(token: str) -> UUID:
    """Return the link id of a token. Raises LinkIsNoGood."""
    try:
        whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise LinkIsNoGood from None
    link_id, signature = whole[:_ID_BYTES], whole[_ID_BYTES:]
    if len(link_id) != _ID_BYTES or not hmac.compare_digest(signature, _sign(link_id)):
        raise LinkIsNoGood
    return UUID(bytes=link_id)


def end_links(session: Session, user_id: UUID, *, at: datetime) -> None:
    """End all links of a user: only the newest one works, and none after a new password. Locks the user."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    unused = (PasswordLink.user_id == user_id, PasswordLink.used_at.is_(None))
    session.execute(update(PasswordLink).where(*unused).values(used_at=at))


def _sign(link_id: bytes) -> bytes:
    return hmac.digest(key_for("password-link"), link_id, hashlib.sha256)
