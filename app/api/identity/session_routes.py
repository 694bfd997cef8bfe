"""Routes of `/api/me/sessions`: where a user is signed in, and the end of these sessions."""

from uuid import UUID

from app.api.identity.session_schemas import EndedSessionsOut, SessionOut
from app.audit import audit_log
from app.audit.models import Act
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.http.access import SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.sign_in import own_sign_ins

blp = Blueprint("sessions", __name__, url_prefix="/api/me/sessions", description="Where you are signed in.")


@blp.get("")
@allow(SIGNED_IN)
@blp.arguments(PageQuery)
@blp.response(200, page_of(SessionOut))
def list_my_sessions(query: JsonDict) -> Page:
    """List your sessions.

    Newest first: where from, since when, and when last used. An API key gets 403.
    """
    with reading() as session:
        return own_sign_ins.list_sign_ins(session, actor(), query)


@blp.delete("/<uuid:session_id>")
@allow(SIGNED_IN)
@blp.response(204)
def end_my_session(session_id: UUID) -> None:
    """End one of your sessions.

    Its tokens are invalid from the next call on, and its live updates stop.
    """
    with unit_of_work() as session:
        own_sign_ins.end_sign_in(session, actor(), session_id)
        audit_log.note_change(session, "session", [session_id], act=Act.DELETE, after={})


@blp.post("/end-others")
@allow(SIGNED_IN)
@blp.response(200, EndedSessionsOut)
def end_my_other_sessions() -> JsonDict:
    """End all your sessions except this one.

    Their tokens are invalid from the next call on. Returns how many were ended.
    """
    with unit_of_work() as session:
        ended = own_sign_ins.end_other_sign_ins(session, actor())
        audit_log.note_change(session, "session", ended, act=Act.DELETE, after={})
    return {"ended": len(ended)}
