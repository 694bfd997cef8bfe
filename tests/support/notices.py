"""Notices to users: a clinic whose rule notifies the coordinator, preferences of users, and a browser.

RULE           notifies the coordinator of each new lead, in the application and by e-mail
prefer(practice, {"rule": {"email": "off"}})    choices of the coordinator
browser        a subscription: `browser.subscription(url)`, `browser.read(call)`
"""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

import http_ece
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.messaging.user_preferences.destinations import add_destination
from app.messaging.user_preferences.service import change_preferences
from tests.support.gateway import Call
from tests.support.practice import Practice

COORDINATOR = Role.TREATMENT_COORDINATOR
RULE = yaml.safe_dump(
    {
        "name": "new-leads",
        "rules": [
            {
                "name": "welcome",
                "on": "lead.created",
                "do": [{"notify": {"to": "coordinator", "channels": ["in_app", "email"], "template": "hello"}}],
            }
        ],
        "templates": {"hello": {"subject": "New: {{ lead.first_name }}", "body": "Call {{ lead.first_name }} <now>."}},
    }
)


def prefer(practice: Practice, notices: dict[str, Any], *, role: Role = COORDINATOR, **more: Any) -> None:
    with transaction() as session:
        change_preferences(session, practice.actor(role), {"notices": notices, **more})


def connect(practice: Practice, role: Role = COORDINATOR, **destination: Any) -> UUID:
    with transaction() as session:
        return add_destination(session, practice.actor(role), destination).id


def notify(practice: Practice, **lead: Any) -> UUID:
    """Create a lead and run the step that notifies the coordinator. Returns the lead's id."""
    lead_id = practice.capture(assigned_to_id=practice.people[COORDINATOR], **lead)
    practice.run(Kind.NOTIFY, *practice.steps(lead_id, kind=Kind.NOTIFY))
    return lead_id


def states(practice: Practice) -> dict[str, tuple[str, str | None]]:
    """Return state and reason of each notification by channel."""
    return {row.channel: (row.state, row.reason) for row in practice.rows("notifications")}


def deliver(practice: Practice, *kinds: str) -> None:
    for kind in kinds or (Kind.DELIVER, Kind.DELIVER_TO_USER):
        practice.run(kind, *practice.steps(kind=kind, state="published"))


class Browser:
    """A browser with a push subscription."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = b"0123456789abcdef"

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """Return the body of `POST /api/me/destinations`."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _text(point), "auth": _text(self._auth)}
        return {"channel": "web_push", "endpoint": endpoint, "keys": keys}

    def read(self, call: Call) -> Any:
        """Decrypt what the push service received."""
        content = http_ece.decrypt(call.body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        return json.loads(content)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
