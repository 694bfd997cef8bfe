"""Links of a lead for unsubscribing (RFC 8058) and for the preference page. They are valid without signing in."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from app.config import get_settings
from app.security.signed_ids import InvalidSignedId, read_signed_id, sign_id

UNSUBSCRIBE_PATH: Final = "/unsubscribe"
PREFERENCES_PATH: Final = "/preferences"
PURPOSE: Final = "preferences"


def preferences_url(lead_id: UUID) -> str:
    """Return the URL of the lead's preference page."""
    return f"{get_settings().own_url}{PREFERENCES_PATH}/{sign_id(PURPOSE, lead_id)}"


def is_valid_link(token: str) -> bool:
    """Return whether the link was made here. Its lead may be deleted."""
    try:
        read_signed_id(PURPOSE, token)
    except InvalidSignedId:
        return False
    return True


def unsubscribe_headers(lead_id: UUID) -> Mapping[str, str]:
    """Return the mail headers with which a mail program unsubscribes the lead by one POST (RFC 8058)."""
    url = f"{get_settings().own_url}{UNSUBSCRIBE_PATH}/{sign_id(PURPOSE, lead_id)}"
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
