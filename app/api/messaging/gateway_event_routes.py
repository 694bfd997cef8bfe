"""Webhook for gateways: they report the status of messages. The signature authenticates the call."""

from typing import Final
from uuid import UUID

from flask import request
from werkzeug.datastructures import Headers

from app.api.messaging.gateway_schemas import EventsIn, EventsOut
from app.core.type_aliases import JsonDict
from app.http.access import PUBLIC, act_for_clinic, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.http.body.json_body import parse, read_bytes
from app.http.body.unknown_parameters import declare_reads_body
from app.http.problems import UnsupportedMediaType
from app.messaging.gateways import status_events

blp = Blueprint(
    "gateway-events", __name__, url_prefix="/api/gateways", description="Message status, reported by gateways."
)

_READER: Final = EventsIn()
_BODY: Final = {"required": True, "content": {"application/json": {"schema": EventsIn}}}


@blp.post("/<uuid:gateway_id>/events")
@allow(PUBLIC)
@declare_reads_body
@blp.doc(requestBody=_BODY)
@blp.response(202, EventsOut)
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(422, "UNPROCESSABLE_ENTITY")
def take_events(gateway_id: UUID) -> JsonDict:
    """Report the status of messages.

    Sign the call like our calls to the gateway (Standard Webhooks), with the gateway's secret, within the last five
    minutes. A repeated `webhook-id` changes nothing. An unknown gateway gets 401 like a wrong signature.
    """
    raw = read_bytes()
    with unit_of_work() as session:
        gateway, call_id = status_events.authenticate(session, gateway_id, _lower(request.headers), raw)
        act_for_clinic(gateway.clinic_id)
        return status_events.process_events(session, gateway, call_id, _read(raw)["events"])


def _read(raw: bytes) -> JsonDict:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    given: JsonDict = _READER.read(parse(raw))
    return given


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
