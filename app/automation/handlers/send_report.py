"""`send_report`: a scheduled report to one user."""

from uuid import UUID

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.guard import is_too_late
from app.automation.handlers.support.messages import notification_ids
from app.engine.models import Kind, Reason
from app.engine.outcomes import Done, Effects, Outcome, Row, Skip, Snooze
from app.engine.step_kind import StepKind
from app.identity.users.lookup import ActiveUser
from app.messaging.channels import email
from app.messaging.compose import MessageMetadata, Recipient, compose
from app.messaging.user_notices.report_mail import ReportMail
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS

TEMPLATE = "scheduled-report"


def guard(context: StepContext) -> Skip | Snooze | None:
    """Return Skip if it is too late or not wanted any more, and Snooze if a later hour was chosen meanwhile."""
    if is_too_late(context):
        return Skip(Reason.TOO_LATE)
    mail = context.report_mail
    if mail is None:
        return Skip(Reason.NOT_SCHEDULED)
    return Snooze(mail.due_at, Reason.WAITS_FOR_HOUR) if context.now < mail.due_at else None


def decide(context: StepContext) -> Outcome:
    """Write the e-mail. The user's preferences apply."""
    user, mail = context.person(UUID(context.params["user_id"])), context.report_mail
    if user is None or mail is None:
        return Skip(Reason.NOBODY_TO_TELL)
    messages = _write(context, user, mail)
    return Done(notification_ids(messages), effects=Effects(notifications=messages))


def _write(context: StepContext, user: ActiveUser, mail: ReportMail) -> tuple[Row, ...]:
    metadata = MessageMetadata(context.clinic.id, template=TEMPLATE, notice=NoticeKind.REPORT, step_id=context.step.id)
    to = Recipient(user.id, user.email, context.notice_settings.get(user.id, DEFAULT_SETTINGS))
    rows = compose(mail.wording, to, metadata=metadata, channels=[email.CHANNEL.name], at=context.now)
    attachment = mail.attachment.to_json() if mail.attachment else None
    return tuple({**row, "html": mail.html, "attachment": attachment} for row in rows)


# One step at a time: each loads a report.
KIND = StepKind(name=Kind.SEND_REPORT, decide=decide, guard=guard, has_lead=False, batch=1, per_message=10)
