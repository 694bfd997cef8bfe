"""Routes of `/api/me/destinations`: where a user gets notices besides the application and e-mail."""

from uuid import UUID

from app.api.messaging.notices.destination_schemas import (
    DestinationChange,
    DestinationIn,
    DestinationOut,
    WebPushKeyOut,
)
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.preconditions import if_match
from app.http.schemas.paging import PageQuery, page_of
from app.messaging.channels import vapid
from app.messaging.user_notices import destination_tests
from app.messaging.user_preferences import destinations
from app.messaging.user_preferences.destinations import ShownDestination

blp = Blueprint(
    "destinations",
    __name__,
    url_prefix="/api/me/destinations",
    description="Your destinations of notices: Slack, Teams and browsers.",
)


@blp.get("/web-push-key")
@allow(SIGNED_IN)
@blp.response(200, WebPushKeyOut)
def get_web_push_key() -> JsonDict:
    """Get the key for push subscriptions.

    It is the same for all users, and changes only with the keys of this installation.
    """
    return {"public_key": vapid.public_key()}


@blp.get("")
@allow(SIGNED_IN)
@blp.arguments(PageQuery)
@blp.response(200, page_of(DestinationOut))
def list_my_destinations(query: JsonDict) -> Page:
    """List your destinations.

    Oldest first, without their secrets. An API key has none: it gets 403.
    """
    with reading() as session:
        return destinations.list_destinations(session, actor(), query)


@blp.post("")
@allow(SIGNED_IN)
@blp.arguments(DestinationIn, lookups=destinations.check_destination)
@blp.response(201, DestinationOut)
@blp.alt_response(409, "CONFLICT")
def add_my_destination(given: JsonDict) -> ShownDestination:
    """Add a destination.

    Notices are sent there from now on, unless your preferences turn a kind off. A destination with the same URL is
    replaced; a browser's subscription belongs to the user who registered it last. You can have 20.
    """
    with unit_of_work() as session:
        return destinations.add_destination(session, actor(), given)


@blp.get("/<uuid:destination_id>")
@allow(SIGNED_IN)
@blp.response(200, DestinationOut)
def get_my_destination(destination_id: UUID) -> ShownDestination:
    """Get one of your destinations.

    `test` is the result of its last test.
    """
    with reading() as session:
        return destinations.read_destination(session, actor(), destination_id)


@blp.patch("/<uuid:destination_id>")
@allow(SIGNED_IN)
@blp.arguments(DestinationChange, lookups=destinations.check_change)
@blp.response(200, DestinationOut)
@if_match
def change_my_destination(given: JsonDict, destination_id: UUID, seen: SeenVersions) -> ShownDestination:
    """Change one of your destinations.

    Fields that the body leaves out stay unchanged.
    """
    with unit_of_work() as session:
        return destinations.change_destination(session, actor(), destination_id, given, seen=seen)


@blp.delete("/<uuid:destination_id>")
@allow(SIGNED_IN)
@blp.response(204)
@if_match
def remove_my_destination(destination_id: UUID, seen: SeenVersions) -> None:
    """Remove one of your destinations.

    Notices that wait for it are not sent.
    """
    with unit_of_work() as session:
        destinations.remove_destination(session, actor(), destination_id, seen=seen)


@blp.post("/<uuid:destination_id>/test")
@allow(SIGNED_IN)
@blp.response(202, DestinationOut)
def test_my_destination(destination_id: UUID) -> ShownDestination:
    """Send a test to one of your destinations.

    `test` of the destination has the result as soon as it was sent.
    """
    with unit_of_work() as session:
        return destination_tests.send_test(session, actor(), destination_id)
