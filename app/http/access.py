"""Who may call a route, who is calling, and the one transaction of the call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from flask import Flask, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import engine, sessions
from app.core.logs import request_id
from app.core.row_security import step_down
from app.errors import Forbidden
from app.http import rate_limits
from app.http.body.unknown_parameters import surplus_of
from app.http.problems import Unavailable, is_away
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.sign_in.authentication import authenticate

P = ParamSpec("P")
R = TypeVar("R")


class Open(StrEnum):
    """For routes that need no permission of their own."""

    PUBLIC = "public"  # anybody
    SIGNED_IN = "signed_in"  # anybody we know, whatever the role


PUBLIC: Final = Open.PUBLIC
SIGNED_IN: Final = Open.SIGNED_IN


def allow(needed: Permission | Open) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare who may call a route: `@blp.get(...)`, then `@allow(Permission.LEAD_READ)`, then the rest.

    A caller who is not known gets 401, one who may not gets 403, before anything of the body is read.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        refuse_surplus = surplus_of(view)

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if needed is not PUBLIC:
                _let_in(needed)
            refuse_surplus()
            return view(*args, **kwargs)

        return _declare(guarded, needed)

    return decorate


def actor() -> Actor:
    """Who is calling. Only on routes that are not public."""
    who: Actor = g.actor
    return who


def visit(clinic_id: UUID) -> None:
    """On a public route: a stranger does something at this clinic, and there alone; the record shall say so."""
    g.visited = clinic_id
    step_down(_session(), clinic_id)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """The call's transaction, the one it was authenticated in: commits at the end, or not at all.

    One inside another is part of it, and committed with it.
    """
    session, is_part = _session(), "unit" in g
    g.unit = True
    try:
        yield session
        if is_part:
            session.flush()
        else:
            _write_trail(session)
            session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        if not is_part:
            del g.unit


@contextmanager
def reading() -> Iterator[Session]:
    """The call's transaction where nothing is written; its connection is free before the answer is rendered."""
    session = _session()
    yield session
    if "unit" not in g:
        _write_trail(session)
        session.commit()  # after a ROLLBACK psycopg forgets every prepared statement: the next call would be slower


def let_go() -> None:
    """End the transaction that the call was authenticated in; the next one is its clinic's, too."""
    _session().commit()


def close_session(_: BaseException | None = None) -> None:
    """At the end of each call: what was not committed is not kept."""
    session: Session | None = g.pop("session", None)
    if session is not None:
        session.close()


def register(app: Flask) -> None:
    """Close each call's session, whatever happened."""
    app.teardown_appcontext(close_session)


def _let_in(needed: Permission | Open) -> None:
    g.actor = who = _authenticate()
    rate_limits.spend(who)
    if isinstance(needed, Open):
        return
    if needed not in who.permissions:
        raise Forbidden
    if (scope := who.permissions[needed]) is not Scope.ALL:
        g.actor = replace(who, scope=scope)


def _authenticate() -> Actor:
    credentials = request.headers.get("Authorization", "")
    try:
        return authenticate(_session(), credentials)
    except (DBAPIError, psycopg.Error) as failure:
        if not is_away(failure):
            raise
    _forget_connections()
    try:
        return authenticate(_session(), credentials)
    except (DBAPIError, psycopg.Error) as failure:
        raise Unavailable if is_away(failure) else failure from failure


def _forget_connections() -> None:
    """One died in the pool, by a restart of the server perhaps: then so did the others, and the next is new."""
    dead: Session = g.pop("session")
    dead.invalidate()
    engine().dispose()


def _write_trail(session: Session) -> None:
    """Who saw and changed what, with it: if that cannot be written, the call fails."""
    who: Actor | None = g.get("actor")
    clinic_id = who.clinic.id if who else g.get("visited")
    if clinic_id is None:
        return  # signing in, say, which has rows of its own
    person, key = (who.user_id, who.api_key_id) if who else (None, None)
    caller = audit_log.Caller(clinic_id, person, key, request.remote_addr, request_id(), request.endpoint or "")
    audit_log.write(session, caller)


def _session() -> Session:
    if "session" not in g:
        g.session = sessions()()
        audit_log.begin(g.session)
    session: Session = g.session
    return session


def _declare(view: Callable[P, R], needed: Permission | Open) -> Callable[P, R]:
    documented: Any = view
    documented.permission = needed
    described = documented._apidoc = dict(getattr(view, "_apidoc", {}))  # noqa: SLF001  (flask-smorest's place for it)
    described["manual_doc"] = {**described.get("manual_doc", {}), **_documentation(needed)}
    return view


def _documentation(needed: Permission | Open) -> dict[str, Any]:
    if needed is PUBLIC:
        return {"security": []}
    security: dict[str, Any] = {"security": [{"access_token": []}, {"api_key": []}]}
    return security if needed is SIGNED_IN else {**security, "x-permission": needed.value}
