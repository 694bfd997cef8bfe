"""Signing in and out, who one is, and keys for programs."""

from typing import Any
from uuid import UUID

from flask import request

from app.api.identity.sign_in_schemas import ApiKeyIn, ApiKeyOut, LoginIn, MeOut, NewApiKeyOut, RefreshIn, TokensOut
from app.core.pagination import Page
from app.errors import Forbidden, Unauthenticated
from app.http.access import PUBLIC, SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.me import describe
from app.identity.permissions import Permission
from app.identity.sign_in import api_keys, attempts, sessions

auth = Blueprint("auth", __name__, url_prefix="/api", description="Signing in and out.")
keys = Blueprint("api-keys", __name__, url_prefix="/api/api-keys", description="Keys for programs.")
blueprints = (auth, keys)


@auth.post("/auth/login")
@allow(PUBLIC)
@auth.arguments(LoginIn)
@auth.response(200, TokensOut)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(login: dict[str, str]) -> sessions.Tokens:
    """Sign in.

    Answers the same, and as slowly, whether the address is unknown or the password wrong. Too many failed attempts
    in a few minutes are answered with 429 and `Retry-After`.
    """
    address = request.remote_addr or ""
    attempts.count_attempt(login["email"], address)
    with unit_of_work() as session:
        tokens = sessions.sign_in(session, **login)
    attempts.forgive(login["email"], address)
    return tokens


@auth.post("/auth/refresh")
@allow(PUBLIC)
@auth.arguments(RefreshIn)
@auth.response(200, TokensOut)
@auth.alt_response(401, "UNAUTHORIZED")
def refresh(given: dict[str, str]) -> sessions.Tokens:
    """Get new tokens for a refresh token.

    Each refresh token is good for one refresh. One that comes a second time ends the whole sign-in, because then two
    have it.
    """
    with unit_of_work() as session:
        tokens = sessions.refresh(session, given["refresh_token"])
    if tokens is None:  # only now: the revocation had to be committed
        raise Unauthenticated
    return tokens


@auth.post("/auth/logout")
@allow(SIGNED_IN)
@auth.response(204)
def log_out() -> None:
    """Sign out.

    The access token and the refresh token of this sign-in end at once. A key does not sign out: revoke it.
    """
    sign_in_id = actor().sign_in_id
    if sign_in_id is None:
        raise Forbidden("A key does not sign out: revoke it.")
    with unit_of_work() as session:
        sessions.sign_out(session, sign_in_id)


@auth.get("/me")
@allow(SIGNED_IN)
@auth.response(200, MeOut)
def who_am_i() -> dict[str, Any]:
    """Who am I?

    The caller, their clinic and what they may do; for an API key, its name and scopes.
    """
    with reading() as session:
        return describe(session, actor())


@keys.get("")
@allow(Permission.USER_MANAGE)
@keys.arguments(PageQuery)
@keys.response(200, page_of(ApiKeyOut))
def list_api_keys(query: dict[str, Any]) -> Page:
    """List the clinic's API keys.

    Newest first, without revoked ones. No secret is shown: it is kept as a hash only.
    """
    with reading() as session:
        return api_keys.list_api_keys(session, actor().clinic.id, query)


@keys.post("")
@allow(Permission.USER_MANAGE)
@keys.arguments(ApiKeyIn)
@keys.response(201, NewApiKeyOut, shown_once=True)
def create_api_key(given: dict[str, Any]) -> dict[str, Any]:
    """Make an API key.

    `key` is shown in this answer and never again. The key may do what its scopes say, as far as the person who made it
    may do it, and ends with that person's access.
    """
    with unit_of_work() as session:
        row, whole = api_keys.create_api_key(session, actor(), **given)
    return {**vars(row), "key": whole}


@keys.delete("/<uuid:key_id>")
@allow(Permission.USER_MANAGE)
@keys.response(204)
def revoke_api_key(key_id: UUID) -> None:
    """Revoke an API key.

    It opens nothing from the next call on.
    """
    with unit_of_work() as session:
        api_keys.revoke_api_key(session, actor().clinic.id, key_id)
