"""Notice to admins: steps wait because the clinic has no gateway for them."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.messaging.admin_notices import notify_admins_once_a_day
from app.messaging.rendering.render import Wording

TEMPLATE: Final = "gateway-missing"


def report_missing_gateway(session: Session, clinic_id: UUID, *, series: str) -> None:
    """Tell the admins, once a day, that a rule, sequence or nurture waits for a gateway."""
    wording = Wording(
        f"{series} waits for a gateway",
        f"{series} sends through a gateway, and the clinic has none that fits: none is active, the named one does not"
        " exist, or there are several and none is the default.\n\nIts steps wait and nurtures enroll no leads. Add a"
        " gateway (POST /api/gateways), activate it, or make it the default (is_default). Waiting steps continue within"
        " 15 minutes.",
    )
    notify_admins_once_a_day(session, clinic_id, TEMPLATE, wording)
