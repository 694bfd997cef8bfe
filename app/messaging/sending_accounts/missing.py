"""Notice to admins: messages wait because the clinic has no sending account for them."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins_once_a_day

TEMPLATE: Final = "sending-account-missing"


def report_missing_account(session: Session, clinic_id: UUID, *, series: str) -> None:
    """Tell the admins, once a day, that a rule, sequence or nurture waits for a sending account."""
    wording = Wording(
        f"{series} waits for a sending account",
        f"{series} sends through a sending account, and the clinic has none that fits: none is active, the named one"
        " does not exist, or there are several and none is the default.\n\nIts messages wait and nurtures enroll no"
        " leads. Add an account (POST /api/sending-accounts), activate it, or make it the default (default_for)."
        " Waiting messages continue at once.",
    )
    notify_admins_once_a_day(session, clinic_id, TEMPLATE, wording)
