"""Messages that wait at the broker."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.engine.broker import QUEUES
from app.engine.steps import publish
from app.engine.steps.publish import CLINIC
from app.ops.embedded import Valkey


@dataclass(frozen=True)
class Message:
    """A message as a worker receives it."""

    queue: str
    task: str
    name: str  # as in Flower and logs
    ids: list[UUID]
    eta: datetime | None
    clinic_id: UUID
    raw: str  # the stored message and its decoded body


def messages(valkey: Valkey, queue: str | None = None) -> list[Message]:
    """Return the waiting messages of all queues, or of one queue, oldest first."""
    publish.flush(10)
    with valkey.client() as client:
        names = QUEUES if queue is None else [queue]
        return [_read(name, raw) for name in names for raw in reversed(client.lrange(name, 0, -1))]  # type: ignore[arg-type]


def _read(queue: str, raw: bytes) -> Message:
    message = json.loads(raw)
    headers, body = message["headers"], base64.b64decode(message["body"]).decode()
    eta = headers["eta"] and datetime.fromisoformat(headers["eta"])
    ids = [UUID(id) for id in json.loads(body)[0][0]]  # noqa: A001
    clinic_id = UUID(headers[CLINIC])
    return Message(queue, headers["task"], headers["shadow"], ids, eta, clinic_id, raw.decode() + body)
