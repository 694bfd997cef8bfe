"""What gateways tell, without signing in: the signature says who it is."""

from typing import Any, Final
from uuid import UUID

from flask import request

from app.api.messaging.gateway_schemas import EventsIn, EventsOut
from app.clock import now
from app.core.http_client.signing import WrongSignature, verify
from app.errors import Unauthenticated
from app.http.access import PUBLIC, allow, unit_of_work, visit
from app.http.blueprint import Blueprint
from app.http.body.json_body import parse, read_bytes
from app.http.body.unknown_parameters import mark_body
from app.http.problems import UnsupportedMediaType
from app.messaging.gateways import receiving, service

blp = Blueprint("gateway-events", __name__, url_prefix="/api/gateways", description="What gateways tell.")

_READER: Final = EventsIn()
_BODY: Final = {"required": True, "content": {"application/json": {"schema": EventsIn}}}


@blp.post("/<uuid:gateway_id>/events")
@allow(PUBLIC)
@mark_body
@blp.doc(requestBody=_BODY)
@blp.response(202, EventsOut)
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(422, "UNPROCESSABLE_ENTITY")
def take_events(gateway_id: UUID) -> dict[str, Any]:
    """Tell what became of messages.

    Signed as our calls are (Standard Webhooks), with the gateway's secret, in the last five minutes. The same
    `webhook-id` again changes nothing.
    """
    raw = read_bytes()
    with unit_of_work() as session:
        gateway = receiving.find_gateway(session, gateway_id)
        at = now()
        try:
            call_id = verify(service.secrets_of(gateway, at=at), _lower(request.headers), raw, now=at)
        except WrongSignature as mistake:
            raise Unauthenticated(f"The call is not signed by this gateway: {mistake}.") from None
        visit(gateway.clinic_id)
        return receiving.take(session, gateway, call_id, _read(raw)["events"])


def _read(raw: bytes) -> Any:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return _READER.read(parse(raw))


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
