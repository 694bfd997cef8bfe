"""Idempotency of POST: calls with the same Idempotency-Key run once and get the same response.

The response is saved for a day, in the transaction of the call. A failed call saves nothing and can be repeated.
Source: draft-ietf-httpapi-idempotency-key-header.

A replayed response counts as a read in the audit log. It is withheld if the permissions or the visible objects of the
caller have changed since.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.visible_ids import VISIBLE_IDS
from app.clock import now
from app.core.db import AnyRow, to_json
from app.core.idempotency_records import KEPT_FOR
from app.core.type_aliases import JsonObject
from app.errors import Conflict, RelanceError
from app.http.access import actor, unit_of_work
from app.http.body.json_body import fingerprint, read_unread_body
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.security.encryption import DecryptionError, decrypt, encrypt

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
REPLAYED_HEADERS: Final = ("Location", "ETag")
LONGEST_KEY: Final = 255

_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}", re.ASCII)

# The holder of this lock runs the call. The lock ends with its transaction.
_BEGIN: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:call, 0))")
_THIS: Final = "clinic_id = :clinic_id AND caller_id = :caller_id AND path = :path AND key = :key"
_FIND: Final = text(f"SELECT * FROM kept_answers WHERE {_THIS} AND created_at > :oldest")  # noqa: S608
_SAVE: Final = text(
    "INSERT INTO kept_answers"
    " (clinic_id, caller_id, path, key, fingerprint, status, headers, body, shown, allowed, created_at)"
    " VALUES (:clinic_id, :caller_id, :path, :key, :fingerprint, :status, CAST(:headers AS jsonb), :body,"
    " CAST(:shown AS jsonb), :allowed, :now)"
    " ON CONFLICT (clinic_id, caller_id, path, key)"  # an expired record
    " DO UPDATE SET fingerprint = excluded.fingerprint,"
    " status = excluded.status, headers = excluded.headers, body = excluded.body, shown = excluded.shown,"
    " allowed = excluded.allowed, created_at = excluded.created_at"
)


class MalformedIdempotencyKey(RelanceError):
    """An Idempotency-Key must have 1 to 255 visible ASCII characters."""

    status = 400


class IdempotencyKeyReused(RelanceError):
    """This Idempotency-Key was already used with another payload."""

    status = 422


class StillRunning(Conflict):
    """A call with this Idempotency-Key is still running. Repeat it in a moment."""

    retry_after = 1


class ShownOnce(Conflict):
    """The call was carried out. Its response contained a secret, which is shown only once."""


class AnswerWithheld(Conflict):
    """The call was carried out. Its response is withheld, because your permissions or the data have changed since."""


def is_requested() -> bool:
    """Whether the call has an Idempotency-Key. Public calls save nothing, because their caller is not recorded."""
    return request.method == "POST" and HEADER in request.headers and "actor" in g


def run_once(carry_out: Callable[[], Response], *, shown_once: bool = False) -> Response:
    """Run the call, or replay its saved response. With `shown_once` the response body is not saved.

    Raises MalformedIdempotencyKey, IdempotencyKeyReused, StillRunning, ShownOnce, AnswerWithheld, and the errors of
    the call.
    """
    call = _call()
    with unit_of_work() as session:
        if not session.execute(_BEGIN, {"call": "\n".join(map(str, call.values()))}).scalar_one():
            raise StillRunning
        record = session.execute(_FIND, {**call, "oldest": now() - KEPT_FOR}).one_or_none()
        if record is not None:
            read_unread_body()
            return _replay(session, record, call)
        response = carry_out()
        _save(session, call, response, shown_once=shown_once)
    return response


def _call() -> JsonObject:
    key, caller = request.headers[HEADER], actor()
    if not _KEY.fullmatch(key):
        raise MalformedIdempotencyKey
    caller_id = caller.user_id or caller.api_key_id
    return {"clinic_id": caller.clinic.id, "caller_id": caller_id, "path": request.path, "key": key}


def _save(session: Session, call: JsonObject, response: Response, *, shown_once: bool) -> None:
    session.flush()  # so that changes through models are noted
    read_unread_body()
    shown = audit_log.noted_ids(session)
    answer = {
        "fingerprint": fingerprint(),
        "status": response.status_code,
        "headers": to_json({name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}),
        "body": None if shown_once else encrypt(response.get_data(), context=_context(call)),
        "shown": to_json(shown),
        "allowed": _allowed(session, shown),
        "now": now(),
    }
    session.execute(_SAVE, {**call, **answer})


def _replay(session: Session, record: AnyRow, call: JsonObject) -> Response:
    if record.fingerprint != fingerprint():
        raise IdempotencyKeyReused
    shown = {subject: [*map(UUID, ids)] for subject, ids in (record.shown or {}).items()}
    if record.allowed != _allowed(session, shown):
        raise AnswerWithheld
    if record.body is None:
        raise ShownOnce
    for subject, ids in shown.items():
        audit_log.note_read(session, subject, ids)
    try:
        body = decrypt(record.body, context=_context(call))
    except DecryptionError:
        raise AnswerWithheld from None
    headers = {REPLAYED: "true", **record.headers}
    return Response(body, record.status, headers, content_type="application/json" if body else None)


def _context(call: JsonObject) -> str:
    return "\n".join(["kept_answers.body", *map(str, call.values())])


def _allowed(session: Session, shown: Mapping[str, Collection[UUID]]) -> bytes:
    """Return a SHA-256 of the caller's permissions and of the visible ids among these.

    Visibility uses the scope of the call and the scope of `lead:read`, which can be narrower.
    """
    caller = actor()
    views = {one.scope: one for one in (caller, caller.within(Permission.LEAD_READ)) if one.scope is not Scope.ALL}
    seen = [[scope, *_visible(session, views[scope], shown)] for scope in sorted(views)]
    may = sorted(f"{permission} {scope}" for permission, scope in caller.permissions.items())
    return hashlib.sha256(to_json([may, caller.scope, seen]).encode()).digest()


def _visible(session: Session, caller: Actor, shown: Mapping[str, Collection[UUID]]) -> list[str]:
    subjects = sorted(shown.keys() & VISIBLE_IDS.keys())
    return sorted(str(id_) for subject in subjects for id_ in VISIBLE_IDS[subject](session, caller, shown[subject]))
