"""What a website's pages call, without signing in. Only the origins that a form allows are answered to browsers."""

from typing import Any, Final

from flask import Response, g, request

from app.api.capture.form_reading import read_submission
from app.api.capture.form_schemas import Submission, SubmissionOut
from app.config import get_settings
from app.http.access import PUBLIC, allow, reading, unit_of_work, visit
from app.http.blueprint import Blueprint
from app.http.body.unknown_parameters import mark_body
from app.leads.capture.forms.attempts import count_submission
from app.leads.capture.forms.submit import find_form, require_origin, submit

LEARNT_FOR: Final = "600"  # seconds for which a browser need not ask again

blp = Blueprint("public-forms", __name__, url_prefix="/api/public/forms", description="What a clinic's website sends.")
_BODY: Final = {
    "required": True,
    "content": {kind: {"schema": Submission} for kind in ("application/json", "application/x-www-form-urlencoded")},
}


@blp.after_request
def let_read(response: Response) -> Response:
    """Let the page read the answer, if its website was found among the form's."""
    response.headers["Vary"] = "Origin"
    if origin := g.get("allowed_origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


@blp.post("/<key>/leads")
@allow(PUBLIC)
@mark_body
@blp.doc(requestBody=_BODY)
@blp.response(202, SubmissionOut)
@blp.alt_response(303, description="Where the form sends its visitors, after a form without JSON.")
@blp.alt_response(403, "FORBIDDEN")
@blp.alt_response(422, "UNPROCESSABLE_ENTITY")
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def submit_form(key: str) -> tuple[dict[str, Any], dict[str, str], int]:
    """Send a web form.

    As JSON or as browsers send forms; with the form's fields and no others, `utm_...`, `referrer` and `landing_page`,
    and `consent`. The answer says no more than that it was accepted.
    """
    request.max_content_length = get_settings().max_form_bytes
    with unit_of_work() as session:
        form = find_form(session, key)
        _let_in(form)
        visit(form.clinic_id)
        count_submission(request.remote_addr or "")
        submit(session, form, read_submission())
    shown = {"accepted": True, "thank_you": form.thank_you, "redirect_url": form.redirect_url}
    if form.redirect_url and not request.is_json:
        return shown, {"Location": form.redirect_url}, 303
    return shown, {}, 202


@blp.route("/<key>/leads", methods=["OPTIONS"])
@allow(PUBLIC)
@blp.response(204)
@blp.alt_response(403, "FORBIDDEN")
def preflight(key: str) -> tuple[None, dict[str, str]]:
    """Say whether a page may send the form.

    For browsers, which ask before they send JSON.
    """
    with reading() as session:
        _let_in(find_form(session, key))
    return None, {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": LEARNT_FOR,
    }


def _let_in(form: Any) -> None:
    origin = request.headers.get("Origin")
    require_origin(form, origin)
    g.allowed_origin = origin
