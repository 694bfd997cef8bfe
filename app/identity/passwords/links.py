"""Links by which somebody chooses a password. What makes one good is signed, and kept nowhere."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

from app.config import get_settings
from app.core.key_derivation import key_for
from app.errors import Unauthenticated

PATH: Final = "/account/password"
INVITATION: Final = "invitation"
PASSWORD_RESET: Final = "password-reset"  # noqa: S105  (a template's slug)
CARRIERS: Final = frozenset({INVITATION, PASSWORD_RESET})  # the messages that end in a link

_ID_BYTES: Final = 16


class LinkIsNoGood(Unauthenticated):
    """The link has expired, or was used before: ask for a new one."""


def with_link(template: str, message_id: UUID, body: str) -> str:
    """The text of a message as it is sent: those that carry a link get it only now, for nobody else to read."""
    if template not in CARRIERS:
        return body
    page = get_settings().password_page_url or f"{get_settings().own_url}{PATH}"
    return f"{body}\n\n{page}#{write_token(message_id)}\n"  # behind a #, a token comes into no server's log


def write_token(link_id: UUID) -> str:
    """What the link of this id proves itself by."""
    return urlsafe_b64encode(link_id.bytes + _sign(link_id.bytes)).rstrip(b"=").decode()


def read_token(token: str) -> UUID:
    """The link's id. Raises LinkIsNoGood."""
    try:
        whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise LinkIsNoGood from None
    link_id, signature = whole[:_ID_BYTES], whole[_ID_BYTES:]
    if len(link_id) != _ID_BYTES or not hmac.compare_digest(signature, _sign(link_id)):
        raise LinkIsNoGood
    return UUID(bytes=link_id)


def _sign(link_id: bytes) -> bytes:
    return hmac.digest(key_for("password-link"), link_id, hashlib.sha256)
