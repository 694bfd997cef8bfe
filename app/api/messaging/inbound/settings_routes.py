"""Routes for inbound e-mail settings."""

from app.api.messaging.inbound.settings_schemas import InboundSettingsIn, InboundSettingsOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.inbound import settings

blp = Blueprint(
    "inbound-settings", __name__, url_prefix="/api/settings/inbound-email", description="Settings for inbound mail."
)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.response(200, InboundSettingsOut)
def get_inbound_settings() -> JsonDict:
    """Show the settings for mail that arrives."""
    with reading() as session:
        return settings.get_settings(session, actor())


@blp.put("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(InboundSettingsIn, lookups=settings.check_settings)
@blp.response(200, InboundSettingsOut)
@if_match
def set_inbound_settings(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Replace the settings for mail that arrives.

    They apply from the next message on. Fields that are left out get their default.
    """
    with unit_of_work() as session:
        return settings.set_settings(session, actor(), given, seen=seen)


@blp.patch("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.merge_patch(InboundSettingsIn, InboundSettingsOut, lookups=settings.check_settings)
@blp.response(200, InboundSettingsOut)
@if_match
def edit_inbound_settings(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Edit the settings for mail that arrives.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, settings.get_settings(session, actor()), seen)
        return settings.set_settings(session, actor(), given, seen=seen)
