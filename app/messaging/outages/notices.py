"""Notices to admins about a channel, a gateway or a sending account that is down."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.identity.models import Clinic
from app.messaging.channels.registry import CHANNELS
from app.messaging.gateways.models import Gateway
from app.messaging.outages.store import NewOutage
from app.messaging.rendering.render import Wording
from app.messaging.sending_accounts.models import SendingAccount
from app.messaging.user_notices import admin_notices

TEMPLATE: Final = "channel-down"
_WAITING: Final = (
    "Messages wait, and use none of their tries. They are sent as soon as it answers again: it is asked every few"
    " seconds, and later once a minute."
)


def notify_of_outage(session: Session, outage: NewOutage) -> None:
    """Notify the admins whose messages wait: of all clinics for a channel, of one clinic for its gateway or account."""
    if outage.gateway_id:
        wordings = _of_sender(session, outage, Gateway, "gateway")
    elif outage.account_id:
        wordings = _of_sender(session, outage, SendingAccount, "sending account")
    else:
        wordings = _of_channel(session, outage)
    channels = [name for name in admin_notices.CHANNELS if name != outage.target]
    admin_notices.notify_admins(session, wordings, template=TEMPLATE, channels=channels, at=now())


def _of_channel(session: Session, outage: NewOutage) -> dict[UUID, Wording]:
    name = CHANNELS[outage.target].label if outage.target in CHANNELS else outage.target
    wording = Wording(
        f"Messages {name} cannot be sent",
        f"The server does not take messages {name} since {outage.failing_since:%Y-%m-%d %H:%M} UTC."
        f" {_WAITING} The operator of this installation sees the cause with `relance doctor`.",
    )
    return dict.fromkeys(session.scalars(select(Clinic.id)), wording)


def _of_sender(
    session: Session, outage: NewOutage, model: type[Gateway | SendingAccount], label: str
) -> dict[UUID, Wording]:
    sender_id = outage.gateway_id or outage.account_id
    found = session.execute(select(model.clinic_id, model.name).where(model.id == sender_id))
    return {
        row.clinic_id: Wording(
            f"The {label} {row.name} is down",
            f"The {label} {row.name} does not take messages since {outage.failing_since:%Y-%m-%d %H:%M} UTC"
            f" ({outage.error}). {_WAITING}",
        )
        for row in found
    }
