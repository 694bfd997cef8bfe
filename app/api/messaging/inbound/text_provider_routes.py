"""Routes that providers of text messages call. The signature with the account's credentials authenticates them."""

from typing import Final
from uuid import UUID

from flask import Response, request

from app.config import get_settings
from app.http.access import PUBLIC, act_for_clinic, allow, reading, unit_of_work
from app.http.blueprint import Blueprint
from app.http.body.json_body import read_bytes
from app.http.body.unknown_parameters import declare_reads_body, declare_reads_query
from app.messaging.inbound.texts import calls
from app.messaging.inbound.texts.items import TextCall
from app.messaging.inbound.texts.reports import MessageIsBeingSent

blp = Blueprint(
    "channel-events",
    __name__,
    url_prefix="/api/channels",
    description="Text messages and reports about them, from Twilio and the WhatsApp Cloud API.",
)

_FORM: Final = "application/x-www-form-urlencoded"
_JSON_BODY: Final = {"schema": {"type": "object"}}
_BODY: Final = {"required": True, "content": {_FORM: _JSON_BODY, "application/json": _JSON_BODY}}
_TEXT: Final = {"type": "string"}
_NO_ANSWER: Final = "<Response/>"  # for Twilio: nothing is sent back


@blp.post("/<provider>/<uuid:account_id>/events")
@allow(PUBLIC)
@declare_reads_body
@declare_reads_query
@blp.doc(requestBody=_BODY)
@blp.alt_response(200, schema=_TEXT, content_type="text/xml", success=True)
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def take_channel_events(provider: str, account_id: UUID) -> Response:
    """Take text messages and reports of a provider.

    `provider` is the kind of the sending account: `twilio` (X-Twilio-Signature) or `whatsapp_cloud`
    (X-Hub-Signature-256). An unknown account gets 401 like a wrong signature. A repeated call changes nothing. Returns
    503 for a report about a message whose sending has not ended.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = TextCall(_called_url(), headers, read_bytes())
    with reading() as session:
        called = calls.find_account(session, provider, account_id)
    items = calls.read_call(called.account, call)
    act_for_clinic(called.clinic_id)
    busy = None
    for item in items:  # a report that comes too early must not delay the answers of leads in the same call
        try:
            with unit_of_work() as session:
                calls.process(session, called, item)
        except MessageIsBeingSent as refusal:
            busy = refusal
    if busy is not None:
        raise busy
    return Response(_NO_ANSWER, content_type="text/xml")


@blp.get("/<provider>/<uuid:account_id>/events")
@allow(PUBLIC)
@declare_reads_query
@blp.alt_response(200, schema=_TEXT, content_type="text/plain", success=True)
@blp.alt_response(401, "UNAUTHORIZED")
def answer_channel_handshake(provider: str, account_id: UUID) -> Response:
    """Answer the request with which Meta checks the URL of a webhook.

    The query has `hub.mode`, `hub.verify_token` (that of the sending account) and `hub.challenge`, which is returned.
    """
    with reading() as session:
        called = calls.find_account(session, provider, account_id)
    challenge = calls.answer_handshake(called.account, request.args)
    return Response(challenge, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _called_url() -> str:
    """Return the public URL of this call, which Twilio signs."""
    query = request.query_string.decode("latin-1")
    return f"{get_settings().own_url}{request.path}{f'?{query}' if query else ''}"
