"""The sign-ins of a user: list them, and end one or all others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnySelect
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Forbidden, NotFound
from app.identity.actor import Actor
from app.identity.models import SignIn
from app.identity.roles import grants_of
from app.identity.sign_in import sessions
from app.identity.sign_in.idle_timeout import is_active


class NoSessions(Forbidden):
    """An API key has no sessions: revoke the key."""


class _Caller(NamedTuple):
    user_id: UUID
    sign_in_id: UUID


def list_sign_ins(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return the caller's valid sign-ins, newest first, each in the shape of SessionOut. Raises NoSessions."""
    caller = _caller(actor)
    found = page(session, _valid(session, actor, caller), [(SignIn.id, "desc")], query)
    return replace(found, items=[_shown(one, caller) for one in found.items])


def end_sign_in(session: Session, actor: Actor, sign_in_id: UUID) -> None:
    """Revoke one of the caller's sign-ins. Raises NoSessions, NotFound."""
    mine = _valid(session, actor, _caller(actor)).where(SignIn.id == sign_in_id)
    if session.scalars(mine).one_or_none() is None:
        raise NotFound
    sessions.sign_out(session, sign_in_id)


def end_other_sign_ins(session: Session, actor: Actor) -> Sequence[UUID]:
    """Revoke all sign-ins of the caller except the one of this call. Returns their ids. Raises NoSessions."""
    caller = _caller(actor)
    return sessions.sign_out_elsewhere(session, caller.user_id, caller.sign_in_id)


def _caller(actor: Actor) -> _Caller:
    if actor.user_id is None or actor.sign_in_id is None:
        raise NoSessions
    return _Caller(actor.user_id, actor.sign_in_id)


def _valid(session: Session, actor: Actor, caller: _Caller) -> AnySelect:
    grants = grants_of(session, actor.clinic.id, actor.role or "")
    return select(SignIn).where(
        SignIn.user_id == caller.user_id,
        SignIn.revoked_at.is_(None),
        SignIn.expires_at > now(),
        is_active(grants) | (SignIn.id == caller.sign_in_id),
    )


def _shown(one: SignIn, caller: _Caller) -> JsonDict:
    return {
        "id": one.id,
        "address": one.address,
        "client": one.client,
        "created_at": one.created_at,
        "last_used_at": one.last_used_at,
        "expires_at": one.expires_at,
        "is_current": one.id == caller.sign_in_id,
    }
