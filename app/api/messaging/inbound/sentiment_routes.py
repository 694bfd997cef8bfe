"""Routes of the sentiment setting."""

from app.api.messaging.inbound.sentiment_schemas import SentimentIn, SentimentOut
from app.core.optimistic_locking import SeenVersions
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.merge_patch import MergePatch
from app.http.preconditions import if_match
from app.identity.permissions import Permission
from app.messaging.inbound.sentiment.settings import get_sentiment_settings, set_sentiment_settings

blp = Blueprint(
    "sentiment-settings",
    __name__,
    url_prefix="/api/settings/sentiment",
    description="Setting for the sentiment of messages from leads.",
)


@blp.get("")
@allow(Permission.LEAD_READ)
@blp.response(200, SentimentOut)
def get_sentiment() -> JsonDict:
    """Show whether messages from leads get a sentiment."""
    with reading() as session:
        return get_sentiment_settings(session, actor())


@blp.put("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.arguments(SentimentIn)
@blp.response(200, SentimentOut)
@if_match
def set_sentiment(given: JsonDict, seen: SeenVersions) -> JsonDict:
    """Choose whether messages from leads get a sentiment.

    It is off by default. The choice applies to messages that arrive from now on.
    """
    with unit_of_work() as session:
        return set_sentiment_settings(session, actor(), given, seen=seen)


@blp.patch("")
@allow(Permission.NOTIFICATION_MANAGE)
@blp.merge_patch(SentimentIn, SentimentOut)
@blp.response(200, SentimentOut)
@if_match
def edit_sentiment(patch: MergePatch, seen: SeenVersions) -> JsonDict:
    """Edit whether messages from leads get a sentiment.

    Given fields are replaced; others stay unchanged.
    """
    with unit_of_work() as session:
        given, seen = patch.onto(session, get_sentiment_settings(session, actor()), seen)
        return set_sentiment_settings(session, actor(), given, seen=seen)
