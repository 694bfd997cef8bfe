"""Messages that users write to leads: they count when they are handed over, and no more when they come back."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.engine.events.events import EventName
from app.engine.models import Reason, StepState
from app.engine.recount import steps_of_attempts
from app.engine.steps.cancel import cancel_following, cancel_steps
from app.engine.steps.restore import restore_steps
from app.identity.actor import Actor
from app.leads.activities.attempts import forget_contact, has_contact_since
from app.leads.activities.effects import CONTACT_EVENTS, is_answer
from app.leads.activities.service import count
from app.leads.enums import OPEN_STATUSES
from app.leads.models import Lead
from app.leads.pipeline.lead_state import mark_activity, mark_updated
from app.leads.pipeline.move_back import move_back, stage_before
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.search.lookup import lock_lead
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity, ActivityType, CountsAs

_NO_ATTEMPT: Final = (
    "A message to the lead came back, so it is no attempt: attempts without a response are now {attempts}."
    " What rules did because of that attempt stays: {done}."
)


class LostAnswer(NamedTuple):
    """The entry of an answer that came back, and whether the lead has moved back to the stage before it."""

    entry: Activity
    has_moved_back: bool


# Called in the same transaction when an answer of a user came back, to open the tasks again that it completed, and to
# let the enrollments go on that it ended.
contact_taken_back: Listeners[[Session, Actor, Lead, LostAnswer]] = Listeners("contact_taken_back")
_OWN_EVENTS: Final = frozenset({EventName.LEAD_CONTACTED, EventName.TASK_COMPLETED})  # of the answer itself


def count_message(session: Session, actor: Actor, activity_id: UUID, *, handed_over_at: datetime) -> None:
    """Count a message that a user wrote, as an attempt or an answer: it was handed over. Its entry gets this time."""
    lead, entry = _lock_message(session, actor, activity_id)
    if lead is None or entry is None or entry.counts_as not in (CountsAs.WAITING, CountsAs.UNDELIVERED):
        return
    entry.occurred_at, entry.counts_as = handed_over_at, None
    entry.counts_as = CountsAs.ANSWER if is_answer(lead, entry) else None
    mark_activity(lead, handed_over_at)
    count(session, actor, lead, entry, at=handed_over_at)


def discount_message(session: Session, actor: Actor, activity_id: UUID) -> None:
    """Take back what a message of a user counted as: it came back, or never left.

    The times of contact and the attempts are computed again, what rules planned because of it is cancelled, and what an
    answer ended goes on: the stage, the tasks, the enrollments and the steps. A note on the timeline names what was
    done because of it.
    """
    lead, entry = _lock_message(session, actor, activity_id)
    if lead is None or entry is None or entry.counts_as == CountsAs.UNDELIVERED:
        return
    before, entry.counts_as = entry.counts_as, CountsAs.UNDELIVERED
    if before == CountsAs.WAITING:
        return
    session.flush()
    mark_updated(lead, actor, now())
    attempts = lead.failed_attempts
    forget_contact(session, lead, entry.occurred_at)
    cancel_following(session, lead.id, entry.id, CONTACT_EVENTS, reason=Reason.UNDELIVERED)
    if lead.failed_attempts < attempts:
        _take_back_attempt(session, actor, lead, entry)
    if before == CountsAs.ANSWER and lead.status in OPEN_STATUSES:
        _take_back(session, actor, lead, entry)
    update_rotting_date(session, actor.clinic, lead)


def _take_back_attempt(session: Session, actor: Actor, lead: Lead, entry: Activity) -> None:
    """Cancel the steps that rules planned because of the number of attempts, and note those that are done."""
    found = steps_of_attempts(
        session, lead.id, actor.clinic.calendar, since=entry.occurred_at, left=lead.failed_attempts
    )
    cancel_steps(session, [step.id for step in found], reason=Reason.UNDELIVERED)
    if done := dict.fromkeys(_in_words(step.name) for step in found if step.state == StepState.DONE):
        words = _NO_ATTEMPT.format(attempts=lead.failed_attempts, done=", ".join(done))
        write_entry(session, Actor.system(actor.clinic), lead, type=ActivityType.NOTE, at=now(), notes=words)


def _in_words(name: str) -> str:
    """Return the name of a rule as words, such as `Break up email`."""
    return name.rpartition(":")[2].replace("-", " ").capitalize()


def _take_back(session: Session, actor: Actor, lead: Lead, entry: Activity) -> None:
    """Take back what an answer ended, unless another contact was logged since."""
    if has_contact_since(session, lead, entry.occurred_at):
        return
    stage = stage_before(session, lead, entry.occurred_at)
    if stage is not None:
        move_back(session, actor, lead, stage)
    has_moved_back = stage is not None
    contact_taken_back(session, actor, lead, LostAnswer(entry, has_moved_back))
    own = _OWN_EVENTS | ({EventName.LEAD_STAGE_CHANGED} if has_moved_back else set())
    restore_steps(session, lead.id, since=entry.occurred_at, reason=Reason.ALREADY_CONTACTED, own=own)


def discount_waiting(session: Session, activity_ids: Collection[UUID]) -> None:
    """Mark messages of users as not delivered, if they are not handed over yet: they never will be."""
    if activity_ids:
        waiting = Activity.id.in_(activity_ids) & (Activity.counts_as == CountsAs.WAITING)
        session.execute(update(Activity).where(waiting).values(counts_as=CountsAs.UNDELIVERED))


def _lock_message(session: Session, actor: Actor, activity_id: UUID) -> tuple[Lead, Activity] | tuple[None, None]:
    """Lock the lead of an entry, and return both. Returns nothing if either was deleted."""
    lead_id = session.scalar(select(Activity.lead_id).where(Activity.id == activity_id))
    lead = lock_lead(session, actor.clinic.id, lead_id) if lead_id else None
    return (lead, session.get_one(Activity, activity_id, populate_existing=True)) if lead else (None, None)
