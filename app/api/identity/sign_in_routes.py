"""Routes for sign-in, sign-out, the current user and API keys."""

from uuid import UUID

from flask import request

from app.api.identity.calling_client import calling_client
from app.api.identity.sign_in_schemas import (
    ApiKeyIn,
    ApiKeyOut,
    EmergencyAccessIn,
    EmergencyAccessOut,
    LoginIn,
    MeOut,
    NewApiKeyOut,
    RefreshIn,
    TokensOut,
)
from app.core.pagination import Page
from app.core.type_aliases import JsonDict
from app.errors import Forbidden, Unauthenticated
from app.http.access import PUBLIC, SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.schemas.paging import PageQuery, page_of
from app.identity.me import describe
from app.identity.permissions import Permission
from app.identity.sign_in import api_keys, attempts, sessions
from app.messaging.user_notices import emergency_access

auth = Blueprint("auth", __name__, url_prefix="/api", description="Sign-in and sign-out.")
keys = Blueprint("api-keys", __name__, url_prefix="/api/api-keys", description="API keys for programs.")
blueprints = (auth, keys)


@auth.post("/auth/login")
@allow(PUBLIC)
@auth.arguments(LoginIn)
@auth.response(200, TokensOut)
@auth.alt_response(401, "UNAUTHORIZED")
@auth.alt_response(409, "CONFLICT")
@auth.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(login: dict[str, str]) -> sessions.Tokens:
    """Sign in.

    The response and its time are the same for an unknown address and a wrong password. After too many failed attempts
    within a few minutes the response is 429 with `Retry-After`. An address may have accounts in several clinics: the
    password chooses one. If several have this password, the response is 409 (`several-clinics`) with their `clinics`:
    send the `slug` of one as `clinic`.
    """
    address = request.remote_addr or ""
    attempts.count_attempt(login["email"], address)
    with unit_of_work() as session:
        tokens = sessions.sign_in(session, **login, client=calling_client())
    attempts.take_back_attempt(login["email"], address)
    return tokens


@auth.post("/auth/refresh")
@allow(PUBLIC)
@auth.arguments(RefreshIn)
@auth.response(200, TokensOut)
@auth.alt_response(401, "UNAUTHORIZED")
def refresh(given: dict[str, str]) -> sessions.Tokens:
    """Exchange a refresh token for new tokens.

    Each refresh token is valid once. Using it again revokes the sign-in, because the token may have been stolen.
    """
    with unit_of_work() as session:
        tokens = sessions.refresh(session, given["refresh_token"])
    if tokens is None:  # after the commit of the revocation
        raise Unauthenticated
    return tokens


@auth.post("/auth/logout")
@allow(SIGNED_IN)
@auth.response(204)
def log_out() -> None:
    """Sign out.

    The access token and the refresh token of this sign-in are revoked at once. API keys cannot sign out: revoke them.
    """
    sign_in_id = actor().sign_in_id
    if sign_in_id is None:
        raise Forbidden("API keys cannot sign out: revoke the key.")
    with unit_of_work() as session:
        sessions.sign_out(session, sign_in_id)


@auth.post("/auth/emergency-access")
@allow(Permission.LEAD_EMERGENCY)
@auth.arguments(EmergencyAccessIn)
@auth.response(200, EmergencyAccessOut)
def start_emergency_access(given: JsonDict) -> JsonDict:
    """Start an emergency access.

    This sign-in can then read all leads of the clinic, with their health data, for at most an hour or until it signs
    out. The audit log gets the reason, and all admins are notified by e-mail. API keys get 403.
    """
    with unit_of_work() as session:
        return {"until": emergency_access.start_emergency_access(session, actor(), **given)}


@auth.get("/me")
@allow(SIGNED_IN)
@auth.response(200, MeOut)
def who_am_i() -> JsonDict:
    """Show the current caller.

    Returns the user, the clinic and the permissions; for an API key, its name and scopes.
    """
    with reading() as session:
        return describe(session, actor())


@keys.get("")
@allow(Permission.USER_MANAGE)
@keys.arguments(PageQuery)
@keys.response(200, page_of(ApiKeyOut))
def list_api_keys(query: JsonDict) -> Page:
    """List the clinic's API keys.

    Newest first, without revoked keys. Secrets are not shown, because only their hashes are stored.
    """
    with reading() as session:
        return api_keys.list_api_keys(session, actor().clinic.id, query)


@keys.post("")
@allow(Permission.USER_MANAGE)
@keys.arguments(ApiKeyIn, lookups=api_keys.check_api_key)
@keys.response(201, NewApiKeyOut, shown_once=True)
def create_api_key(given: JsonDict) -> JsonDict:
    """Create an API key.

    `key` is shown only in this response. The key has the permissions in `scopes`, as long as its creator holds them. It
    stops working when its creator is deactivated.
    """
    with unit_of_work() as session:
        row, whole = api_keys.create_api_key(session, actor(), **given)
    return {**vars(row), "key": whole}


@keys.delete("/<uuid:key_id>")
@allow(Permission.USER_MANAGE)
@keys.response(204)
def revoke_api_key(key_id: UUID) -> None:
    """Revoke an API key.

    Takes effect with the next call. You cannot revoke keys of users with permissions that you do not have.
    """
    with unit_of_work() as session:
        api_keys.revoke_api_key(session, actor(), key_id)
