"""Routes for sign-in in a browser: the refresh token is kept in a cookie that no script can read."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from flask import Response, after_this_request, request
from werkzeug.http import dump_cookie

from app.api.identity.calling_client import calling_client
from app.api.identity.sign_in_schemas import AccessOut, LoginIn
from app.config import get_settings
from app.errors import Unauthenticated
from app.http.access import PUBLIC, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.http.same_origin import DOCUMENTATION, same_origin
from app.identity.sign_in import attempts, sessions, tokens

COOKIE: Final = "relance_refresh"
COOKIE_PATH: Final = "/api/auth"
GRACE: Final = timedelta(seconds=10)  # a page that is loaded again may send the cookie before it has the new one

blp = Blueprint(
    "browser-session",
    __name__,
    url_prefix="/api/auth/browser-session",
    description="Sign-in in a browser, with the refresh token in a cookie.",
)


@blp.post("")
@allow(PUBLIC)
@same_origin
@blp.doc(parameters=[DOCUMENTATION])
@blp.arguments(LoginIn)
@blp.response(200, AccessOut)
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(403, "FORBIDDEN")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def start_browser_session(login: dict[str, str]) -> tuple[sessions.Tokens, dict[str, str]]:
    """Sign in from a page of this server.

    Like `POST /api/auth/login`, but the refresh token is set as a cookie (`HttpOnly`, `SameSite=Strict`). It ends with
    the browser's session. Needs the header `X-Relance-Console` and an `Origin` of this server.
    """
    address = request.remote_addr or ""
    attempts.count_attempt(login["email"], address)
    with unit_of_work() as session:
        signed_in = sessions.sign_in(session, **login, client=calling_client())
    attempts.take_back_attempt(login["email"], address)
    return signed_in, _cookie(signed_in.refresh_token)


@blp.post("/refresh")
@allow(PUBLIC)
@same_origin
@blp.doc(parameters=[DOCUMENTATION])
@blp.response(200, AccessOut)
@blp.alt_response(204, description="There is no cookie, so there is no sign-in.")
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(403, "FORBIDDEN")
def refresh_browser_session() -> tuple[sessions.Tokens, dict[str, str]] | Response:
    """Get a new access token with the cookie.

    The cookie gets a new refresh token: each is valid once, and for ten seconds more, because a page that is loaded
    again may not have received the new one. Using one again later revokes the sign-in. With 401 the cookie is removed.
    Without a cookie, as at a first visit, the answer is 204.
    """
    if COOKIE not in request.cookies:
        return Response(status=204)
    renewed: sessions.Tokens | None = None
    with suppress(Unauthenticated), unit_of_work() as session:
        renewed = sessions.refresh(session, request.cookies[COOKIE], grace=GRACE)
    if renewed is None:  # after the commit of the revocation
        after_this_request(_remove_cookie)
        raise Unauthenticated
    return renewed, _cookie(renewed.refresh_token)


@blp.delete("")
@allow(PUBLIC)
@same_origin
@blp.doc(parameters=[DOCUMENTATION])
@blp.response(204)
@blp.alt_response(403, "FORBIDDEN")
def end_browser_session() -> tuple[None, dict[str, str]]:
    """Sign out in the browser.

    Revokes the sign-in of the cookie and removes the cookie. Succeeds without a sign-in too.
    """
    with suppress(Unauthenticated), unit_of_work() as session:
        sessions.sign_out(session, tokens.read_refresh(request.cookies.get(COOKIE, "")).sign_in_id)
    return None, _no_cookie()


def _remove_cookie(response: Response) -> Response:
    response.headers.update(_no_cookie())
    return response


def _cookie(token: str, **more: Any) -> dict[str, str]:
    """Return the header that sets the cookie. Without an age it ends with the browser's session."""
    is_https = request.is_secure or get_settings().public_url.startswith("https:")
    value = dump_cookie(COOKIE, token, path=COOKIE_PATH, httponly=True, samesite="Strict", secure=is_https, **more)
    return {"Set-Cookie": value}


def _no_cookie() -> dict[str, str]:
    return _cookie("", max_age=0)
