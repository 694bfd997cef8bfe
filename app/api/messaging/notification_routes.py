"""Routes for notifications: the user's in-app inbox, and the clinic's notifications with their deliveries."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from app.api.leads.expand import with_lead_names
from app.api.messaging.notification_schemas import (
    InboxOut,
    InboxQuery,
    ListedNotificationOut,
    NotificationDetailOut,
    NotificationQuery,
    OutagesOut,
    ReadAllIn,
    ReadAllOut,
    ResolvedNotificationsOut,
    ResolveIn,
    ResolveNotificationsIn,
    RetriedNotificationsOut,
    RetryNotificationsIn,
    UnreadOut,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import page_of
from app.identity.permissions import Permission
from app.messaging.delivery import notifications, retry
from app.messaging.models import Notification
from app.messaging.outages.report import clinic_outages

blp = Blueprint("notifications", __name__, url_prefix="/api/notifications", description="Messages to leads and users.")


@blp.get("/mine")
@allow(SIGNED_IN)
@blp.arguments(InboxQuery)
@blp.response(200, page_of(InboxOut))
def list_my_notifications(query: JsonDict) -> Page:
    """List your in-app messages.

    Newest first. An API key has none.
    """
    with reading() as session:
        return notifications.list_my_notifications(session, actor(), query)


@blp.get("/mine/unread")
@allow(SIGNED_IN)
@blp.response(200, UnreadOut)
def count_my_unread_notifications() -> dict[str, int]:
    """Count your unread in-app messages.

    At most 10,000 are counted. An API key has none.
    """
    with reading() as session:
        return {"unread": notifications.count_unread(session, actor())}


@blp.post("/mine/read")
@allow(SIGNED_IN)
@blp.arguments(ReadAllIn)
@blp.response(200, ReadAllOut)
def read_all_my_notifications(given: JsonDict) -> dict[str, int]:
    """Mark your in-app messages as read.

    All of them, at most 10,000 per call, or only `up_to` and older ones. Send the newest message on the screen, so that
    one that arrived meanwhile stays unread.
    """
    with unit_of_work() as session:
        marked = notifications.mark_all_read(session, actor(), up_to=given.get("up_to"))
        return {"marked": marked, "unread": notifications.count_unread(session, actor())}


@blp.post("/<uuid:notification_id>/read")
@allow(SIGNED_IN)
@blp.response(200, InboxOut)
def read_notification(notification_id: UUID) -> Notification:
    """Mark one of your in-app messages as read.

    Only the first call sets `read_at`; repeating it is no error.
    """
    with unit_of_work() as session:
        return notifications.mark_read(session, actor(), notification_id)


@blp.get("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(NotificationQuery)
@blp.response(200, page_of(ListedNotificationOut))
def list_notifications(query: JsonDict) -> Page:
    """List the clinic's notifications.

    Newest first. Use `state=failed` for failed messages, `state=unknown` for messages with an unknown outcome.
    """
    with reading() as session:
        found = notifications.list_notifications(session, actor(), query)
        return replace(found, items=with_lead_names(session, actor(), map(vars, found.items)))


@blp.get("/outages")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, OutagesOut)
def list_outages() -> JsonDict:
    """List the channels and gateways that are down.

    The longest outage first. Messages wait without using their tries, and are sent when the server answers again.
    """
    with reading() as session:
        return {"items": clinic_outages(session, actor().clinic.id)}


@blp.get("/<uuid:notification_id>")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, NotificationDetailOut)
def get_notification(notification_id: UUID) -> notifications.NotificationDetail:
    """Get a notification with all its delivery attempts."""
    with reading() as session:
        return notifications.get_notification(session, actor(), notification_id)


@blp.post("/<uuid:notification_id>/retry")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.response(200, NotificationDetailOut)
@blp.alt_response(409, "CONFLICT")
def retry_notification(notification_id: UUID) -> notifications.NotificationDetail:
    """Send a failed notification again, or a waiting one now.

    A failed one gets eight more attempts; earlier ones stay in its deliveries. A pending one is tried at once, also
    while its mail server or gateway is down. The contact policy still holds. Returns 409 in any other state.
    """
    with unit_of_work() as session:
        return retry.retry(session, actor(), notification_id)


@blp.post("/retry")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(RetryNotificationsIn)
@blp.response(200, RetriedNotificationsOut)
def retry_notifications(given: JsonDict) -> retry.RetryResult:
    """Send many failed notifications again.

    Oldest first, evenly spread over `spread_seconds`. Returns how many are sent again and how many are left for another
    call. `dry_run` counts without changing anything.
    """
    spread = timedelta(seconds=given["spread_seconds"])
    with unit_of_work() as session:
        return retry.retry_many(session, actor(), given, spread=spread, dry_run=given["dry_run"])


@blp.post("/resolve")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(ResolveNotificationsIn)
@blp.response(200, ResolvedNotificationsOut)
def resolve_notifications(given: JsonDict) -> retry.ResolveResult:
    """Resolve many notifications with an unknown outcome.

    Oldest first. Call it with `dry_run` first: it returns the number of matching notifications and changes nothing. Ask
    the provider which of them arrived, and narrow the filters accordingly.
    """
    spread = timedelta(seconds=given["spread_seconds"])
    options = {"as_": given["as_"], "spread": spread, "dry_run": given["dry_run"]}
    with unit_of_work() as session:
        return retry.resolve_many(session, actor(), given, **options)


@blp.post("/<uuid:notification_id>/resolve")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(ResolveIn)
@blp.response(200, NotificationDetailOut)
@blp.alt_response(409, "CONFLICT")
def resolve_notification(given: JsonDict, notification_id: UUID) -> notifications.NotificationDetail:
    """Resolve a notification with an unknown outcome.

    The connection to the provider broke after the message was handed over, so it may have arrived. Such a message is
    never sent again automatically. Returns 409 in any other state.
    """
    with unit_of_work() as session:
        return retry.resolve(session, actor(), notification_id, **given)
