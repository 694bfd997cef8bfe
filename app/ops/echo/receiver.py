"""Receive calls as a provider's gateway does: verify the signature, store the call, report the message as delivered."""

import json
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from threading import Thread
from time import sleep
from typing import Final

import httpx

from app import clock
from app.core.db import new_id
from app.core.http_client.signing import WrongSignature, sign, verify
from app.core.type_aliases import JsonDict, JsonObject
from app.ops.echo.keys import read_key

MOST_CALLS: Final = 500  # older ones are dropped
REPORT_DELAY: Final = 0.5  # seconds; a real provider takes longer
REPORT_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Call:
    """One received call. `id` is its `webhook-id`: of a message, the message's id."""

    id: str
    purpose: str
    received_at: str
    tries: int
    body: JsonDict

    def as_json(self) -> JsonDict:
        """Return the JSON form for /calls.json."""
        return asdict(self)


@dataclass
class Receiver:
    """The calls so far, and the address to which their status is reported. `api`: such as http://127.0.0.1:8000."""

    api: str
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))

    def receive(self, purpose: str, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """Store a signed call and return its answer. A repeated id is stored once, and reported once."""
        key = read_key(purpose)
        if key is None:
            return HTTPStatus.SERVICE_UNAVAILABLE  # Relance tries again
        try:
            call_id = verify([key.secret], headers, body, now=clock.now())
        except WrongSignature:
            return HTTPStatus.UNAUTHORIZED
        earlier = next((call for call in self.calls if call.id == call_id), None)
        if earlier:
            self.calls.remove(earlier)
        tries = earlier.tries + 1 if earlier else 1
        self.calls.appendleft(Call(call_id, purpose, clock.now().isoformat(), tries, json.loads(body)))
        if purpose == "messages" and not earlier:
            Thread(target=self._report_delivery, args=(call_id,), daemon=True).start()
        return HTTPStatus.OK

    def report(self, event: JsonObject) -> HTTPStatus:
        """Report the status of a message to Relance, signed like a provider's report. Returns the API's answer."""
        key = read_key("messages")
        if key is None:
            return HTTPStatus.SERVICE_UNAVAILABLE
        body = json.dumps({"events": [{"at": clock.now().isoformat(), **event}]}).encode()
        headers = sign([key.secret], str(new_id()), body, at=clock.now())
        url = f"{self.api}/api/gateways/{key.gateway_id}/events"
        answer = httpx.post(url, content=body, headers={"Content-Type": "application/json", **headers}, timeout=10)
        return HTTPStatus(answer.status_code)

    def _report_delivery(self, message_id: str) -> None:
        for _ in range(REPORT_TRIES):
            sleep(REPORT_DELAY)
            try:
                if self.report({"message_id": message_id, "status": "delivered"}) == HTTPStatus.ACCEPTED:
                    return
            except httpx.HTTPError:
                continue  # the API restarts
        sys.stdout.write(f"could not report {message_id} as delivered\n")


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with names in lower case, such as `webhook-id`."""
    return {name.lower(): value for name, value in headers.items()}
