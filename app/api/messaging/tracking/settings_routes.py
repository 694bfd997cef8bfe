"""Routes for tracking settings."""

from app.api.messaging.tracking.settings_schemas import TrackingIn, TrackingOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.tracking.settings import get_tracking, set_tracking

blp = Blueprint(
    "tracking-settings",
    __name__,
    url_prefix="/api/settings/message-tracking",
    description="Settings for opens and clicks of e-mails.",
)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.response(200, TrackingOut)
def get_tracking_settings() -> JsonDict:
    """Show whether opens and clicks of e-mails are counted."""
    with reading() as session:
        return get_tracking(session, actor())


@blp.put("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(TrackingIn)
@blp.response(200, TrackingOut)
@if_match
def set_tracking_settings(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Choose whether opens and clicks of e-mails are counted.

    Both are off by default. The choice applies to e-mails to leads that are sent from now on; links in earlier ones
    keep working.
    """
    with unit_of_work() as session:
        return set_tracking(session, actor(), given, seen=seen)


@blp.patch("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.merge_patch(TrackingIn, TrackingOut)
@blp.response(200, TrackingOut)
@if_match
def edit_tracking_settings(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Edit whether opens and clicks of e-mails are counted.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, get_tracking(session, actor()), seen)
        return set_tracking(session, actor(), given, seen=seen)
