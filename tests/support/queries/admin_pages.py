"""Queries of one page about sequences, messages and failed steps, with the indexes they use."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.service import list_enrollments_of_lead
from app.engine import failed_steps as steps
from app.messaging.delivery import notifications
from app.messaging.gateways import service as gateways
from tests.support.large_clinic import LargeClinic, now
from tests.support.queries.automation_calls import leads_of_nurture
from tests.support.queries.enrollment_calls import enrollments_of_sequence
from tests.support.queries.query import Query, page_of


def all_notifications(session: Session, large: LargeClinic, query: Any) -> Any:
    return notifications.list_notifications(session, large.actor, query)


def my_notifications(session: Session, large: LargeClinic, query: Any) -> Any:
    return notifications.list_my_notifications(session, large.actor, query)


def failed_or_unknown_steps(session: Session, large: LargeClinic, query: Any) -> Any:
    return steps.list_steps(session, large.actor.clinic.id, query)


ADMIN_PAGES: dict[str, Query] = {
    "enrollments of a lead": (
        page_of(
            lambda s, large, query: list_enrollments_of_lead(s, large.actor, large.other["enrolled"].lead_id, query)
        ),
        {"ix_enrollments_lead"},
    ),
    "leads of a nurture": (
        page_of(leads_of_nurture),
        {"ix_enrollments_sequence", "ix_enrollment_steps_enrollment", "pk_notifications"},
    ),
    "enrollments of a sequence": (page_of(enrollments_of_sequence), {"ix_enrollments_sequence"}),
    "active enrollments of a sequence": (page_of(enrollments_of_sequence, state="active"), {"ix_enrollments_state"}),
    "gateways": (
        page_of(lambda s, large, query: gateways.list_gateways(s, large.actor.clinic.id, query), limit=3),
        set(),
    ),
    "my notifications": (page_of(my_notifications), {"ix_notifications_inbox"}),
    "my unread notifications": (page_of(my_notifications, unread=True), {"ix_notifications_unread"}),
    "number of unread notifications": (
        lambda s, large: notifications.count_unread(s, large.actor),
        {"ix_notifications_unread"},
    ),
    "all notifications read": (
        lambda s, large: notifications.mark_all_read(s, large.actor),
        {"ix_notifications_unread"},
    ),
    "notifications": (page_of(all_notifications), {"ix_notifications_clinic"}),
    "failed notifications": (page_of(all_notifications, state="failed"), {"ix_notifications_unsent"}),
    "unknown e-mails of a period": (
        page_of(all_notifications, state="unknown", channel="email", since=now() - timedelta(days=100)),
        {"ix_notifications_unsent"},
    ),
    "sent notifications": (page_of(all_notifications, state="sent"), {"ix_notifications_clinic"}),
    "notification with its deliveries": (
        lambda s, large: notifications.get_notification(s, large.actor, large.other["note"]),
        {"pk_notifications", "ix_deliveries_notification_id"},
    ),
    "failed steps": (page_of(failed_or_unknown_steps, state="failed"), {"ix_steps_trouble"}),
    "unknown steps of a kind": (page_of(failed_or_unknown_steps, state="unknown", kind="remind"), {"ix_steps_trouble"}),
}
