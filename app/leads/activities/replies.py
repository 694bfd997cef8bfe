"""Messages of leads that counted as replies, and that a program wrote."""

from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.engine.events.events import EventName
from app.engine.models import Reason
from app.engine.steps.cancel import cancel_following
from app.engine.steps.restore import restore_steps
from app.identity.actor import Actor
from app.leads.activities.attempts import attempts_since_response
from app.leads.enums import OPEN_STATUSES
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_updated
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.timeline.models import Activity, Direction

IS_REPLY = and_(  # as `is_reply` of `effects`
    Activity.direction == Direction.INBOUND, Activity.is_auto_reply.is_(False), Activity.counts_as.is_(None)
)

# Called in the same transaction when a message was no reply, to let the enrollments go on that it ended.
reply_taken_back: Listeners[[Session, Actor, Lead, UUID]] = Listeners("reply_taken_back")


def discount_reply(session: Session, actor: Actor, lead: Lead, activity_id: UUID) -> None:
    """Take back what a message of a locked lead counted as: a program wrote it.

    The time of the last reply and the attempts are computed again, what rules planned because of the reply is
    cancelled, and what it ended goes on, unless the lead replied again.
    """
    entry = session.get_one(Activity, activity_id)
    entry.is_auto_reply = True
    session.flush()
    mark_updated(lead, actor, now())
    of_lead = select(func.max(Activity.occurred_at)).where(Activity.lead_id == lead.id, IS_REPLY)
    if lead.replied_at == entry.occurred_at:
        lead.replied_at = session.scalar(of_lead)
    lead.failed_attempts = attempts_since_response(session, lead)
    cancel_following(session, lead.id, entry.id, {EventName.LEAD_REPLIED}, reason=Reason.NO_REPLY)
    is_later = func.greatest(Activity.created_at, Activity.occurred_at) >= entry.occurred_at
    if lead.status in OPEN_STATUSES and session.scalar(of_lead.where(is_later)) is None:
        reply_taken_back(session, actor, lead, entry.id)
        restore_steps(
            session, lead.id, since=entry.occurred_at, reason=Reason.REPLIED, own=frozenset({EventName.LEAD_REPLIED})
        )
    update_rotting_date(session, actor.clinic, lead)
