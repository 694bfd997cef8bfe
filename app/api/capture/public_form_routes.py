"""Public routes for web forms, without authentication. CORS headers allow only the form's origins."""

from functools import partial
from typing import Final

from flask import Response, g, request

from app.api.capture.form_reading import read_submission
from app.api.capture.form_schemas import Submission, SubmissionOut
from app.api.capture.visitor_page import to_page, wants_page
from app.config import get_settings
from app.core.type_aliases import JsonDict
from app.http.access import PUBLIC, act_for_clinic, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.body.unknown_parameters import declare_reads_body
from app.leads.capture.forms.attempts import count_submission
from app.leads.capture.forms.submit import FormRow, check_submission, find_form, require_origin, submit

PREFLIGHT_MAX_AGE: Final = "600"  # seconds for which a browser caches the preflight

blp = Blueprint("public-forms", __name__, url_prefix="/api/public/forms", description="Submission of web forms.")
_BODY: Final = {
    "required": True,
    "content": {kind: {"schema": Submission} for kind in ("application/json", "application/x-www-form-urlencoded")},
}


@blp.after_request
def allow_origin(response: Response) -> Response:
    """Add the CORS header if the form allows the request's origin. Browsers without a script get a page."""
    response.headers["Vary"] = "Origin, Accept"
    if wants_page():
        to_page(response)
    if origin := g.get("allowed_origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


@blp.post("/<key>/leads")
@allow(PUBLIC)
@declare_reads_body
@blp.doc(requestBody=_BODY)
@blp.response(202, SubmissionOut)
@blp.alt_response(303, description="Redirect of the form, for submissions that are not JSON.")
@blp.alt_response(403, "FORBIDDEN")
@blp.alt_response(422, "UNPROCESSABLE_ENTITY")
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def submit_form(key: str) -> tuple[JsonDict, dict[str, str], int]:
    """Submit a web form.

    As JSON or URL-encoded, with the form's fields only, plus `utm_...`, `referrer`, `landing_page` and `consent`. The
    response only confirms the submission. A browser that sends the form itself gets a page with the same words.
    """
    request.max_content_length = get_settings().max_form_bytes
    with unit_of_work() as session:
        form = find_form(session, key)
        _check_origin(form)
        act_for_clinic(form.clinic_id)
        count_submission(form.id, request.remote_addr or "")
        submit(session, form, read_submission(partial(check_submission, session, form)))
    body = {"accepted": True, "thank_you": form.thank_you, "redirect_url": form.redirect_url}
    if form.redirect_url and not request.is_json:
        return body, {"Location": form.redirect_url}, 303
    return body, {}, 202


@blp.route("/<key>/leads", methods=["OPTIONS"])
@allow(PUBLIC)
@blp.response(204)
@blp.alt_response(403, "FORBIDDEN")
def preflight(key: str) -> tuple[None, dict[str, str]]:
    """Answer the CORS preflight of a form.

    Browsers send it before a JSON submission.
    """
    with reading() as session:
        _check_origin(find_form(session, key))
    return None, {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": PREFLIGHT_MAX_AGE,
    }


def _check_origin(form: FormRow) -> None:
    origin = request.headers.get("Origin")
    require_origin(form, origin)
    g.allowed_origin = origin
