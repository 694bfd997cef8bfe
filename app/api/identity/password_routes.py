"""Routes for password reset and password change."""

from functools import partial

from flask import request

from app.api.identity.user_schemas import LinkRequest, PasswordChange, PasswordChoice
from app.http.access import PUBLIC, SIGNED_IN, actor, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.request_hooks import after_response
from app.identity.passwords import reset
from app.identity.sign_in import attempts

blp = Blueprint("passwords", __name__, url_prefix="/api/auth", description="Password reset and password change.")


@blp.post("/password-link")
@allow(PUBLIC)
@blp.arguments(LinkRequest)
@blp.response(202)
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def ask_for_link(given: dict[str, str]) -> None:
    """Request a password reset e-mail.

    The link in it is valid for one hour and works once. The response is the same for an unknown address, also in its
    time: the address is looked up when the response has been sent.
    """
    attempts.count_request(given["email"], request.remote_addr or "")
    after_response(partial(reset.send_link, given["email"]))


@blp.post("/password")
@allow(PUBLIC)
@blp.arguments(PasswordChoice)
@blp.response(204)
@blp.alt_response(401, "UNAUTHORIZED")
def choose_password(given: dict[str, str]) -> None:
    """Set a password with the token of a link.

    The token is the part after the # of the link in an invitation or password reset e-mail. All existing sign-ins of
    the user end.
    """
    with unit_of_work() as session:
        reset.set_password_by_link(session, given["token"], given["password"])


@blp.post("/change-password")
@allow(SIGNED_IN)
@blp.arguments(PasswordChange, lookups=reset.check_new_password)
@blp.response(204)
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def change_password(given: dict[str, str]) -> None:
    """Change my password.

    All my sign-ins end, including this one: sign in again with the new password. Wrong current passwords count as
    failed sign-ins.
    """
    with reading() as session:
        email, address = reset.email_of(session, actor()), request.remote_addr or ""
    attempts.count_attempt(email, address)
    with unit_of_work() as session:
        reset.change_password(session, actor(), current=given["current_password"], new=given["new_password"])
    attempts.take_back_attempt(email, address)
