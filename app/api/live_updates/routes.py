"""Route that opens a stream of live events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Response, request

from app.api.live_updates.event_schemas import LiveEvent
from app.api.live_updates.hand_over import MEDIA_TYPE, HandedOver, LiveUpdatesUnavailable, reserve
from app.clock import now
from app.config import get_settings
from app.core.live_events.caller import StreamCaller
from app.core.live_events.publisher import is_enabled
from app.http.access import SIGNED_IN, actor, allow, authenticate_again, reading
from app.http.blueprint import Blueprint
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.identity.sign_in import tokens
from app.leads.search.lookup import visible_user_ids

LAST_EVENT_ID: Final = "Last-Event-ID"
_HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
_PARAMETER: Final = {
    "in": "header",
    "name": LAST_EVENT_ID,
    "description": "The `id` of the last event that you have: the events since then follow.",
    "schema": {"type": "string"},
}

blp = Blueprint("live", __name__, url_prefix="/api", description="Live updates as server-sent events.")


@blp.get("/stream")
@allow(SIGNED_IN)
@blp.doc(parameters=[_PARAMETER])
@blp.alt_response(200, schema=LiveEvent, content_type=MEDIA_TYPE, success=True)
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def open_stream() -> Response:
    """Open a stream of live events.

    Server-sent events with kinds and ids, never with personal data: `lead.changed`, `task.changed`, `message.changed`,
    `step.changed`, `notification.new`, `job.changed`. Each has `ids`, `lead_ids`, and `more` if not all are listed.
    `reset` asks you to load everything again. You get only what you may see. The stream ends with `closed` when the
    access token expires, on sign-out, and when your role changes: open it again. At most 5 streams per caller.
    """
    if request.method == "HEAD":
        return Response(mimetype=MEDIA_TYPE)
    if not is_enabled():
        raise LiveUpdatesUnavailable("Live updates need Valkey or Redis: set COUNTERS_URL.")
    caller = _describe(actor())
    connection = reserve(caller)
    try:
        _require_same_access(caller)
    except BaseException:
        connection.close()
        raise
    response = HandedOver(connection)
    response.headers.update(_HEADERS)
    return response


def _require_same_access(caller: StreamCaller) -> None:
    """Check the access again: if it changed meanwhile, its closing order may have come before the reservation.

    Raises Unauthenticated, LiveUpdatesUnavailable.
    """
    if replace(_describe(authenticate_again()), expires_at=caller.expires_at) != caller:
        raise LiveUpdatesUnavailable("Your access has just changed. Try again.")


def _describe(who: Actor) -> StreamCaller:
    reader = who.within(Permission.LEAD_READ)
    with reading() as session:
        colleagues = visible_user_ids(session, reader) if who.allows(Permission.LEAD_READ) else ()
    return StreamCaller(
        clinic_id=who.clinic.id,
        expires_at=_expires_at(who),
        permissions={permission.value: scope.value for permission, scope in who.permissions.items()},
        colleagues=frozenset(colleagues or ()),
        user_id=who.user_id,
        api_key_id=who.api_key_id,
        sign_in_id=who.sign_in_id,
        stands_for=who.stands_for,
        role=who.role,
        last_event_id=request.headers.get(LAST_EVENT_ID),
    )


def _expires_at(who: Actor) -> float:
    """Return the end of the access token, the emergency access or the API key, whichever is first (Unix time).

    The stream of an API key ends after the lifetime of an access token.
    """
    until = (who.access_until or datetime.max.replace(tzinfo=UTC)).timestamp()
    if who.sign_in_id is None:
        return min((now() + timedelta(minutes=get_settings().access_token_minutes)).timestamp(), until)
    token = request.headers["Authorization"].removeprefix("Bearer ")
    return min(tokens.read_access(token).expires_at, until)
