"""Links to this application in notices to users."""

from uuid import UUID

from app.config import get_settings

LEADS_PATH = "/leads"


def lead_url(lead_id: UUID) -> str:
    """Return the URL of a lead in the console. It reveals nothing: reading the lead needs a sign-in."""
    return f"{get_settings().own_url}{LEADS_PATH}/{lead_id}"
