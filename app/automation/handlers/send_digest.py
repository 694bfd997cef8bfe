"""`send_digest`: the daily digest of a user, or the weekly summary of an admin."""

from datetime import date
from uuid import UUID

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import is_too_late
from app.automation.handlers.support.messages import notification_ids
from app.engine.models import Kind, Reason
from app.engine.outcomes import Done, Effects, NotificationChange, Outcome, Row, Skip, Snooze
from app.engine.step_kind import StepKind
from app.identity.users.lookup import ActiveUser
from app.messaging.channels import email
from app.messaging.compose import MessageMetadata, Recipient, compose
from app.messaging.models import NotificationState
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.digest_content import DigestContent, daily_wording, weekly_wording
from app.messaging.user_notices.digest_plans import DAY, digest_instant
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS

DIGEST, SUMMARY = "notice-digest", "weekly-summary"  # templates


def guard(context: StepContext) -> Skip | Snooze | None:
    """Return Skip if it is too late, and Snooze if the user has chosen a later hour; None if it may be sent."""
    if is_too_late(context):
        return Skip(Reason.TOO_LATE)
    settings = context.notice_settings.get(UUID(context.params["user_id"]), DEFAULT_SETTINGS)
    zone = settings.timezone or context.clinic.calendar.zone.key
    due_at = digest_instant(date.fromisoformat(context.params["day"]), f"{settings.digest_at:%H:%M}", zone)
    return Snooze(due_at, Reason.WAITS_FOR_DIGEST) if context.now < due_at else None


def decide(context: StepContext) -> Outcome:
    """Write the e-mail. What the user has read meanwhile is left out; an empty digest is not sent."""
    user, content = context.person(UUID(context.params["user_id"])), context.digest
    if user is None or content is None:
        return Skip(Reason.NOBODY_TO_TELL)
    return _daily(context, user, content) if content.week is None else _weekly(context, user, content)


def _daily(context: StepContext, user: ActiveUser, content: DigestContent) -> Outcome:
    unread = [item for item in content.items if not item.is_read]
    states = tuple(
        NotificationChange(
            id=item.id,
            state=NotificationState.SUPPRESSED,
            reason=Reason.READ_BEFORE_DIGEST if item.is_read else Reason.IN_DIGEST,
        )
        for item in content.items
    )
    if not unread:
        return Skip(Reason.NOTHING_NEW, effects=Effects(notification_states=states))
    messages = _write(context, user, daily_wording(unread))
    return Done(notification_ids(messages), effects=Effects(notifications=messages, notification_states=states))


def _weekly(context: StepContext, user: ActiveUser, content: DigestContent) -> Outcome:
    if content.week is None or content.week.is_empty:
        return Skip(Reason.NOTHING_NEW)
    wording = weekly_wording(context.clinic.name, date.fromisoformat(context.params["day"]), content.week)
    messages = _write(context, user, wording)
    return Done(notification_ids(messages), effects=Effects(notifications=messages))


def _write(context: StepContext, user: ActiveUser, wording: Wording) -> tuple[Row, ...]:
    """Return the e-mail. Preferences apply to a summary; a digest is the choice of its user."""
    is_daily = context.params["period"] == DAY
    metadata = MessageMetadata(
        context.clinic.id,
        template=DIGEST if is_daily else SUMMARY,
        notice=None if is_daily else NoticeKind.WEEKLY_SUMMARY,
        step_id=context.step.id,
    )
    to = Recipient(user.id, user.email, context.notice_settings.get(user.id, DEFAULT_SETTINGS))
    return tuple(compose(wording, to, metadata=metadata, channels=[email.CHANNEL.name], at=context.now))


KIND = StepKind(name=Kind.SEND_DIGEST, decide=decide, guard=guard, has_lead=False)
