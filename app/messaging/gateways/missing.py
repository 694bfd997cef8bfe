"""Notice to admins: steps wait because the clinic has no gateway for them."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.models import Reason
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins_once_a_day

TEMPLATE: Final = "gateway-missing"

_WAITING: Final = text(
    "SELECT c.slug, count(*) AS number FROM steps s JOIN clinics c ON c.id = s.clinic_id"
    " WHERE s.reason = ANY(:reasons) AND s.state IN ('planned', 'published') GROUP BY c.slug ORDER BY c.slug"
)


def count_waiting_steps(session: Session) -> dict[str, int]:
    """Return how many steps wait for a gateway or a sending account, by the slug of the clinic."""
    reasons = {"reasons": [Reason.NO_GATEWAY, Reason.NO_ACCOUNT]}
    return {row.slug: row.number for row in session.execute(_WAITING, reasons)}


def report_missing_gateway(session: Session, clinic_id: UUID, *, series: str) -> None:
    """Tell the admins, once a day, that a rule, sequence or nurture waits for a gateway."""
    wording = Wording(
        f"{series} waits for a gateway",
        f"{series} sends through a gateway, and the clinic has none that fits: none is active, the named one does not"
        " exist, or there are several and none is the default.\n\nIts steps wait and nurtures enroll no leads. Add a"
        " gateway (POST /api/gateways), activate it, or make it the default (is_default). Waiting steps continue at"
        " once.",
    )
    notify_admins_once_a_day(session, clinic_id, TEMPLATE, wording)
