"""Access control of routes, the current actor, and the transaction of a call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from flask import Flask, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.database.rollback import commit_if_nothing_is_written
from app.core.database.row_security import restrict_to_clinic
from app.core.db import engine, sessions
from app.core.telemetry.logs import request_id
from app.core.type_aliases import JsonDict
from app.errors import Forbidden
from app.http import rate_limits, replica
from app.http.body.unknown_parameters import unknown_parameter_check
from app.http.problems import KeyMissing, is_unavailable, unavailable
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.sign_in.authentication import authenticate
from app.security.encryption import lacking
from app.security.key_verification import needed_keys

P = ParamSpec("P")
R = TypeVar("R")


class OpenAccess(StrEnum):
    """Access levels of routes that need no permission."""

    PUBLIC = "public"  # without credentials
    SIGNED_IN = "signed_in"  # any authenticated caller


PUBLIC: Final = OpenAccess.PUBLIC
SIGNED_IN: Final = OpenAccess.SIGNED_IN


def allow(
    needed: Permission | OpenAccess, *, also: Permission | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the permission of a route: `@blp.get(...)`, then `@allow(Permission.LEAD_READ)`, then the rest.

    Callers with the permission `also` may call it too, in its scope.
    The view raises Unauthenticated (401) without valid credentials and Forbidden (403) without the permission, before
    the body is read.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        refuse_unknown = unknown_parameter_check(view)

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if needed is not PUBLIC:
                _authorize(needed, also)
            refuse_unknown()
            return view(*args, **kwargs)

        return _declare(guarded, needed, also)

    return decorate


def actor() -> Actor:
    """Return the current actor. Only for routes that are not public."""
    who: Actor = g.actor
    return who


def act_for_clinic(clinic_id: UUID) -> None:
    """On a public route: restrict the call to this clinic, and write its audit log entries there."""
    g.visited = clinic_id
    restrict_to_clinic(_session(), clinic_id)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Run the call's transaction, in which the caller was authenticated: commit at the end, roll back on an error.

    A nested unit of work is part of the outer one, and is committed with it.
    """
    session, is_part = _session(), "unit" in g
    g.unit = True
    try:
        yield session
        if is_part:
            session.flush()
        else:
            _require_keys()
            _write_audit_log(session)
            session.commit()
    except BaseException:
        commit_if_nothing_is_written(session)
        session.rollback()
        raise
    finally:
        if not is_part:
            del g.unit


@contextmanager
def reading() -> Iterator[Session]:
    """Run the call's transaction for reads only. The connection is free before the response is rendered."""
    session = _session()
    yield session
    if "unit" not in g:
        _require_keys()
        _write_audit_log(session)
        session.commit()  # after a ROLLBACK psycopg drops all prepared statements, and the next call is slower


def read_from_replica(read: Callable[Concatenate[Session, Actor, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a long read on the replica of the database, if there is one, else in the call's transaction.

    The read sees all that was committed before it. Its audit log entries are written to the primary.
    """
    if "unit" not in g and replica.is_usable():
        with suppress(replica.ReplicaUnusable), reading() as session:
            position = replica.primary_position(session)
            end_transaction()  # the replica's answer may take long, and needs no connection to the primary

            def noted(copy: Session) -> R:
                audit_log.start_notes(copy)
                found = read(copy, actor(), *args, **kwargs)
                audit_log.move_notes(copy, to=session)
                return found

            return replica.read_at(position, actor().clinic.id, noted)
    with reading() as session:
        return read(session, actor(), *args, **kwargs)


def end_transaction() -> None:
    """Commit the transaction of the authentication. The next one is restricted to the same clinic."""
    _session().commit()


def close_session(_: BaseException | None = None) -> None:
    """Close the session at the end of a call. Uncommitted changes are rolled back."""
    session: Session | None = g.pop("session", None)
    if session is not None:
        commit_if_nothing_is_written(session)
        session.close()


def register(app: Flask) -> None:
    """Close the session of each call, also after errors."""
    app.teardown_appcontext(close_session)


def _authorize(needed: Permission | OpenAccess, also: Permission | None) -> None:
    g.actor = who = _authenticate()
    rate_limits.count_call(who)
    if isinstance(needed, OpenAccess):
        return
    held = next((one for one in (needed, also) if one in who.permissions), None)
    if held is None:
        raise Forbidden
    if (scope := who.permissions[held]) is not Scope.ALL:
        g.actor = replace(who, scope=scope)


def _authenticate() -> Actor:
    credentials = request.headers.get("Authorization", "")
    try:
        return authenticate(_session(), credentials)
    except (DBAPIError, psycopg.Error) as failure:
        if not is_unavailable(failure):
            raise
    _forget_connections()
    try:
        return authenticate(_session(), credentials)
    except (DBAPIError, psycopg.Error) as failure:
        raise unavailable(failure) if is_unavailable(failure) else failure from failure


def authenticate_again() -> Actor:
    """Return the actor as of now, in a transaction of its own. Raises Unauthenticated."""
    with sessions()() as session:
        return authenticate(session, request.headers.get("Authorization", ""))


def _forget_connections() -> None:
    """Drop all pooled connections: if one is dead, for example after a server restart, so are the others."""
    dead: Session = g.pop("session")
    dead.invalidate()
    engine().dispose()


def _require_keys() -> None:
    """Refuse a call that found values that only other processes can decrypt. Those of a forgotten key count as lost."""
    if names := lacking.get():
        with sessions()() as session:  # the role of a clinic may not read the names of keys
            needed = needed_keys(session, names)
        if needed:
            raise KeyMissing.of(needed)


def _write_audit_log(session: Session) -> None:
    """Write the audit log entries in the same transaction, so that a call without them fails."""
    who: Actor | None = g.get("actor")
    clinic_id = who.clinic.id if who else g.get("visited")
    if clinic_id is None:
        return  # for example sign-in, which has its own rows
    user_id, key_id = (who.user_id, who.api_key_id) if who else (None, None)
    caller = audit_log.Caller(clinic_id, user_id, key_id, request.remote_addr, request_id(), request.endpoint or "")
    audit_log.write_entries(session, caller)


def _session() -> Session:
    if "session" not in g:
        g.session = sessions()()
        audit_log.start_notes(g.session)
    session: Session = g.session
    return session


def _declare(view: Callable[P, R], needed: Permission | OpenAccess, also: Permission | None) -> Callable[P, R]:
    documented: Any = view
    documented.permission, documented.also_permission = needed, also
    described = documented._apidoc = dict(getattr(view, "_apidoc", {}))  # noqa: SLF001  (flask-smorest's place for it)
    described["manual_doc"] = {**described.get("manual_doc", {}), **_documentation(needed, also)}
    return view


def _documentation(needed: Permission | OpenAccess, also: Permission | None) -> JsonDict:
    if needed is PUBLIC:
        return {"security": []}
    security: JsonDict = {"security": [{"access_token": []}, {"api_key": []}]}
    if needed is SIGNED_IN:
        return security
    alternative = {"x-permission-also": also.value} if also else {}
    return {**security, "x-permission": needed.value, **alternative}
