"""Sweep over open leads without a next action: flag them, record the event, and notify users."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.type_aliases import JsonDict
from app.engine.events.events import FEW, EventName
from app.engine.service import add_steps, record
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_contexts
from app.identity.models import Role
from app.identity.users.lookup import ActiveUser, active_users
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.search.without_next_action import ACTING_STEPS, TO_PLAN, has_step, has_task
from app.messaging.channels import in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.load import SettingsByUser, notice_settings_of
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS
from app.security.encrypted_fields import decrypt_rows
from workers.sweeps.scan import IN_BATCH_SQL, next_batch, save_position

BATCH: Final = 500
SCAN_SIZE: Final = 10_000  # leads at a time
NAME: Final = "find_leads_without_next_action"
TEMPLATE: Final = "leads-without-next-action"
REPEAT_AFTER: Final = timedelta(days=1)  # for users who turned off these notices in the application

_FIND: Final = text(
    f"WITH idle AS (SELECT l.id FROM leads l WHERE {IN_BATCH_SQL} AND l.without_next_action_since IS NULL"  # noqa: S608
    " AND l.restricted_at IS NULL AND l.rules_wait_since IS NULL"
    f" AND l.last_activity_at < :quiet_since AND NOT ({has_task('l')} OR {has_step('l')})"
    " LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED)"
    " UPDATE leads AS l SET without_next_action_since = :now FROM idle WHERE l.id = idle.id RETURNING l.*"
)
# A step that this event planned does not clear the flag by being pending, only by its result. Otherwise a failing step
# would be planned again and again.
_OTHER_CAUSE: Final = f" AND s.cause ->> 'event' IS DISTINCT FROM '{EventName.LEAD_WITHOUT_NEXT_ACTION}'"
_SETTLE: Final = text(
    f"WITH settled AS (SELECT l.id FROM leads l WHERE {IN_BATCH_SQL} AND l.without_next_action_since IS NOT NULL"  # noqa: S608
    f" AND (l.restricted_at IS NOT NULL OR {has_task('l')} OR {has_step('l', condition=_OTHER_CAUSE)})"
    " FOR NO KEY UPDATE SKIP LOCKED)"
    " UPDATE leads AS l SET without_next_action_since = NULL FROM settled WHERE l.id = settled.id"
)
_NOTIFIED: Final = text(
    "SELECT DISTINCT user_id FROM notifications WHERE user_id = ANY(:users) AND channel = 'in_app' AND read_at IS NULL"
    " AND template = :template AND (state <> 'suppressed' OR created_at > :since)"
)
_HANDLED: Final = text(f"SELECT DISTINCT s.lead_id FROM steps s WHERE s.lead_id = ANY(:ids) AND {ACTING_STEPS}")  # noqa: S608


def find_leads_without_next_action(session: Session) -> int:
    """Update the flag on the next batch of open leads. Returns the number of leads flagged.

    `lead.without_next_action` is recorded once for each time that a lead is flagged. For leads that no rule handles,
    each coordinator and each admin gets one notification.
    """
    now = clock.now()
    window = next_batch(session, NAME, most=SCAN_SIZE)
    session.execute(_SETTLE, window)
    given = {**window, "now": now, "quiet_since": now - TO_PLAN, "batch": BATCH}
    found = decrypt_rows(Lead, session.execute(_FIND, given))
    for clinic_id, clinic in load_contexts(session, {lead.clinic_id for lead in found}).items():
        _alarm(session, clinic, [lead for lead in found if lead.clinic_id == clinic_id])
    if len(found) < BATCH:
        save_position(session, NAME, window)
    return len(found)


def _alarm(session: Session, clinic: ClinicContext, leads: Sequence[Any]) -> None:
    now = clock.now()
    name, key = EventName.LEAD_WITHOUT_NEXT_ACTION, now.isoformat()
    record(session, clinic, *(lead_event(name, lead, now, key=key) for lead in leads), of_many=len(leads) > FEW)
    handled = set(session.scalars(_HANDLED, {"ids": [lead.id for lead in leads]}))
    if left := [lead for lead in leads if lead.id not in handled]:
        _notify(session, clinic, left)


def _notify(session: Session, clinic: ClinicContext, leads: Sequence[Any]) -> None:
    """Notify coordinators of their leads and admins of all leads, unless they have such a notification unread."""
    people, now = active_users(session, clinic.id).values(), clock.now()
    settings = notice_settings_of(session, clinic)
    counts = Counter(lead.assigned_to_id for lead in leads)
    counts.update({person.id: len(leads) - counts[person.id] for person in people if person.role == Role.CLINIC_ADMIN})
    notified = set(
        session.scalars(
            _NOTIFIED, {"users": [person.id for person in people], "template": TEMPLATE, "since": now - REPEAT_AFTER}
        )
    )
    rows = [
        row
        for person in people
        if counts[person.id] and person.id not in notified
        for row in _message(clinic.id, _recipient(person, settings), counts[person.id])
    ]
    insert_notifications(session, rows)
    add_steps(session, delivery_steps(rows, due_at=clock.now()))


def _recipient(person: ActiveUser, settings: SettingsByUser) -> Recipient:
    return Recipient(person.id, person.email, settings.get(person.id, DEFAULT_SETTINGS))


def _message(clinic_id: UUID, to: Recipient, leads: int) -> list[JsonDict]:
    who = "1 open lead has" if leads == 1 else f"{leads} open leads have"
    where = "They are listed at GET /api/leads/without-next-action."
    wording = Wording("Leads without a next action", f"{who} neither an open task nor a planned step. {where}")
    metadata = MessageMetadata(clinic_id, template=TEMPLATE, notice=NoticeKind.NO_NEXT_ACTION)
    return compose(wording, to, metadata=metadata, channels=[in_app.CHANNEL.name], at=clock.now())
