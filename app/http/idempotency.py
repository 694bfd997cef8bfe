"""A POST that may be sent twice: with the same Idempotency-Key it is carried out once, and answered alike.

The answer is kept in the transaction of what it answers, so there is never one without the other, for a day. A call
that failed kept nothing and may be sent again. (draft-ietf-httpapi-idempotency-key-header)

An answer that is given again is a look at what it is about, and stands in the record as one. It is given to who may do
and see now what they might then, and withheld from everybody else.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.db import to_json
from app.core.idempotency_records import KEPT_FOR
from app.errors import Conflict, RelanceError
from app.http.access import actor, unit_of_work
from app.http.body.json_body import fingerprint, read_unread_body
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.security.encryption import Unreadable, seal, unseal

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
SAID_AGAIN: Final = ("Location", "ETag")
LONGEST_KEY: Final = 255

_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}", re.ASCII)

# Whoever holds the lock is carrying the call out; it ends with their transaction.
_BEGIN: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:call, 0))")
_THIS: Final = "clinic_id = :clinic_id AND caller_id = :caller_id AND path = :path AND key = :key"
_FIND: Final = text(f"SELECT * FROM kept_answers WHERE {_THIS} AND created_at > :oldest")  # noqa: S608
_KEEP: Final = text(
    "INSERT INTO kept_answers"
    " (clinic_id, caller_id, path, key, fingerprint, status, headers, body, shown, allowed, created_at)"
    " VALUES (:clinic_id, :caller_id, :path, :key, :fingerprint, :status, CAST(:headers AS jsonb), :body,"
    " CAST(:shown AS jsonb), :allowed, :now)"
    " ON CONFLICT (clinic_id, caller_id, path, key)"  # one that is past
    " DO UPDATE SET fingerprint = excluded.fingerprint,"
    " status = excluded.status, headers = excluded.headers, body = excluded.body, shown = excluded.shown,"
    " allowed = excluded.allowed, created_at = excluded.created_at"
)


class MalformedIdempotencyKey(RelanceError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters."""

    status = 400


class IdempotencyKeyReused(RelanceError):
    """This Idempotency-Key came with another payload before."""

    status = 422


class StillRunning(Conflict):
    """The same call is just being carried out: ask again in a moment."""

    retry_after = 1


class ShownOnce(Conflict):
    """The call was carried out; what it answered is shown once only."""


class AnswerWithheld(Conflict):
    """The call was carried out; what you may see, or what is known, has changed since, so its answer is not shown."""


# By subject ("lead", "task"): which of these ids the actor's scope includes. `app.api.application` connects it.
visible_ids: Final[dict[str, Callable[[Session, Actor, Collection[UUID]], Iterable[UUID]]]] = {}


def is_asked_for() -> bool:
    """Whether the call names a key. Calls that nobody signed keep nothing: there would be no telling whose they are."""
    return request.method == "POST" and HEADER in request.headers and "actor" in g


def once(carry_out: Callable[[], Response], *, shown_once: bool = False) -> Response:
    """Carry the call out, or answer what it was answered before.

    Raises MalformedIdempotencyKey, IdempotencyKeyReused, StillRunning, ShownOnce, AnswerWithheld, and what carrying it
    out raises.
    """
    call = _call()
    with unit_of_work() as session:
        if not session.execute(_BEGIN, {"call": "\n".join(map(str, call.values()))}).scalar_one():
            raise StillRunning
        known = session.execute(_FIND, {**call, "oldest": now() - KEPT_FOR}).one_or_none()
        if known is not None:
            read_unread_body()
            return _again(session, known, call)
        response = carry_out()
        _keep(session, call, response, shown_once=shown_once)
    return response


def _call() -> Mapping[str, Any]:
    key, who = request.headers[HEADER], actor()
    if not _KEY.fullmatch(key):
        raise MalformedIdempotencyKey
    return {"clinic_id": who.clinic.id, "caller_id": who.user_id or who.api_key_id, "path": request.path, "key": key}


def _keep(session: Session, call: Mapping[str, Any], response: Response, *, shown_once: bool) -> None:
    session.flush()  # what is changed through a model is noted down by then
    read_unread_body()
    shown = audit_log.noted(session)
    answer = {
        "fingerprint": fingerprint(),
        "status": response.status_code,
        "headers": to_json({name: response.headers[name] for name in SAID_AGAIN if name in response.headers}),
        "body": None if shown_once else seal(response.get_data(), place=_place(call)),
        "shown": to_json(shown),
        "allowed": _allowed(session, shown),
        "now": now(),
    }
    session.execute(_KEEP, {**call, **answer})


def _again(session: Session, known: Row[Any], call: Mapping[str, Any]) -> Response:
    if known.fingerprint != fingerprint():
        raise IdempotencyKeyReused
    shown = {subject: [*map(UUID, ids)] for subject, ids in (known.shown or {}).items()}
    if known.allowed != _allowed(session, shown):
        raise AnswerWithheld
    if known.body is None:
        raise ShownOnce
    for subject, ids in shown.items():
        audit_log.saw(session, subject, ids)
    try:
        body = unseal(known.body, place=_place(call))
    except Unreadable:
        raise AnswerWithheld from None
    headers = {REPLAYED: "true", **known.headers}
    return Response(body, known.status, headers, content_type="application/json" if body else None)


def _place(call: Mapping[str, Any]) -> str:
    return "\n".join(["kept_answers.body", *map(str, call.values())])


def _allowed(session: Session, shown: Mapping[str, Collection[UUID]]) -> bytes:
    """A fingerprint of what the caller may do, and of which of these things they may see.

    Seen by the scope of what was done, and by that of reading: who takes in leads for all may read their own only.
    """
    who = actor()
    views = {one.scope: one for one in (who, who.within(Permission.LEAD_READ)) if one.scope is not Scope.ALL}
    seen = [[scope, *_held(session, views[scope], shown)] for scope in sorted(views)]
    may = sorted(f"{permission} {scope}" for permission, scope in who.permissions.items())
    return hashlib.sha256(to_json([may, who.scope, seen]).encode()).digest()


def _held(session: Session, who: Actor, shown: Mapping[str, Collection[UUID]]) -> list[str]:
    subjects = sorted(shown.keys() & visible_ids.keys())
    return sorted(str(id_) for subject in subjects for id_ in visible_ids[subject](session, who, shown[subject]))
