"""Routes that mail providers call. The signature or the password of the webhook authenticates them."""

from typing import Final
from uuid import UUID

from flask import request
from werkzeug.exceptions import BadRequest

from app.api.messaging.inbound.hook_schemas import ProcessedOut
from app.http.access import PUBLIC, act_for_clinic, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.http.body.json_body import read_bytes
from app.http.body.unknown_parameters import declare_reads_body
from app.messaging.inbound.parsing.parse import MAX_BYTES
from app.messaging.inbound.providers import calls
from app.messaging.inbound.providers.base import ProviderCall, UploadedFile
from app.messaging.inbound.providers.calls import Processed

blp = Blueprint(
    "inbound-calls", __name__, url_prefix="/api/inbound", description="Mail and events, reported by mail providers."
)

MAX_BODY: Final = MAX_BYTES * 4 // 3 + 1_000_000  # a mail in base64, and the rest of the call
MAX_FORM_PARTS: Final = 1000
_FORMS: Final = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
_BODY: Final = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


@blp.post("/<provider>/<uuid:hook_id>")
@allow(PUBLIC)
@declare_reads_body
@blp.doc(requestBody=_BODY)
@blp.response(200, ProcessedOut)
@blp.alt_response(401, "UNAUTHORIZED")
def take_provider_call(provider: str, hook_id: UUID) -> Processed:
    """Take mail and events of a provider.

    In the forms of SES by SNS, Mailgun, Postmark and SendGrid: JSON with any content type, or multipart/form-data; at
    most 25 MB per mail. An unknown webhook gets 401 like a wrong signature. A repeated call changes nothing.
    """
    with unit_of_work() as session:
        hook = calls.find_hook(session, provider, hook_id)
    request.max_content_length = request.max_form_memory_size = MAX_BODY
    request.max_form_parts = MAX_FORM_PARTS
    content = calls.read_call(hook, _read_call())
    with unit_of_work() as session:
        act_for_clinic(hook.clinic_id)
        return calls.process(session, hook, content)


def _read_call() -> ProviderCall:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        password = request.authorization.password if request.authorization else None
    except (ValueError, BadRequest):
        password = None
    if request.mimetype not in _FORMS:
        return ProviderCall(headers, read_bytes(), password=password)
    files = [UploadedFile(f.filename or "", f.mimetype, f.read()) for f in request.files.values()]
    return ProviderCall(headers, b"", dict(request.form.items()), files, password=password)
