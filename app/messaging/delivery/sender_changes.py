"""A clinic's gateways or sending accounts have changed: steps that wait for one of them look again."""

from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.engine.steps import waiting
from app.messaging.channels.registry import CHANNELS

_END_OUTAGE: Final = text("SELECT end_sender_outage(:sender, :now)")  # the table of outages belongs to no clinic


def wake_after_change(session: Session, changed: Any, key: str) -> None:
    """Wake what waits for any gateway or account like the changed one: it may use another one now.

    An open outage of the changed one ends until its next failure, because the change may have repaired it. `key`: of
    steps that wait for any of them. Call it before a deletion. The caller has incremented the clinic's version.
    """
    model = type(changed)
    session.execute(_END_OUTAGE, {"sender": changed.id, "now": clock.now()})
    senders = session.scalars(select(model.id).where(model.clinic_id == changed.clinic_id)).all()
    targets = [*map(str, senders), *CHANNELS]
    waiting.wake(session, [key, *map(waiting.outage_of, targets)], clinic_id=changed.clinic_id)
