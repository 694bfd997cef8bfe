"""Routes of `/api/me/notice-preferences`: which notices a user gets on which channels."""

from app.api.messaging.notices.preference_schemas import NoticePreferencesChange, NoticePreferencesOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.messaging.user_preferences import service

blp = Blueprint(
    "notice-preferences",
    __name__,
    url_prefix="/api/me/notice-preferences",
    description="Your preferences for notices, by kind and channel.",
)


@blp.get("")
@allow(SIGNED_IN)
@blp.response(200, NoticePreferencesOut)
def get_my_notice_preferences() -> JsonDict:
    """Get your notice preferences.

    With the value of each kind of notice on each channel, and where it comes from. An API key gets 403.
    """
    with reading() as session:
        return service.read_preferences(session, actor())


@blp.patch("")
@allow(SIGNED_IN)
@blp.arguments(NoticePreferencesChange)
@blp.response(200, NoticePreferencesOut)
@if_match
def change_my_notice_preferences(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Change your notice preferences.

    Values that the body leaves out stay unchanged; null restores the default. Security and account notices cannot be
    changed.
    """
    with unit_of_work() as session:
        return service.change_preferences(session, actor(), given, seen=seen)
