"""Choosing a password, changing it, and getting back in without it."""

from flask import request

from app.api.identity.user_schemas import LinkRequest, PasswordChange, PasswordChoice
from app.http.access import PUBLIC, SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.passwords import reset
from app.identity.sign_in import attempts

blp = Blueprint("passwords", __name__, url_prefix="/api/auth", description="Choosing and changing a password.")


@blp.post("/password-link")
@allow(PUBLIC)
@blp.arguments(LinkRequest)
@blp.response(202)
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def ask_for_link(given: dict[str, str]) -> None:
    """Get a link to choose a new password.

    It comes by e-mail, is good for an hour, and works once. The answer is the same for an address that nobody has.
    """
    attempts.count_request(given["email"], request.remote_addr or "")
    with unit_of_work() as session:
        reset.ask_for_link(session, given["email"])


@blp.post("/password")
@allow(PUBLIC)
@blp.arguments(PasswordChoice)
@blp.response(204)
@blp.alt_response(401, "UNAUTHORIZED")
def choose_password(given: dict[str, str]) -> None:
    """Choose a password by a link.

    The token is what stands behind the # of the link in an invitation or after `password-link`. Every sign-in of before
    ends.
    """
    with unit_of_work() as session:
        reset.choose_by_link(session, given["token"], given["password"])


@blp.post("/change-password")
@allow(SIGNED_IN)
@blp.arguments(PasswordChange)
@blp.response(204)
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def change_password(given: dict[str, str]) -> None:
    """Change my password.

    Every sign-in of mine ends, this one too: sign in with the new password. Wrong guesses at the current one count as
    failed sign-ins.
    """
    with reading() as session:
        email, address = reset.email_of(session, actor()), request.remote_addr or ""
    attempts.count_attempt(email, address)
    with unit_of_work() as session:
        reset.change_own(session, actor(), current=given["current_password"], new=given["new_password"])
    attempts.forgive(email, address)
