"""Webhook endpoints of a practice, and their calls to a gateway of tests/support/gateway.py."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from app.core.db import transaction
from app.engine.models import Kind
from app.messaging.webhooks import deliveries, endpoints
from tests.support.gateway import Call, Gateway
from tests.support.practice import Practice, Watch, sql
from workers.sweeps.run import sweep

SETTINGS = {"description": None, "events": ["*"], "is_active": True, "ordered": False, "include_lead": False}


@dataclass
class Hook:
    """An endpoint of the practice, whose URL is the gateway's."""

    practice: Practice
    gateway: Gateway
    id: UUID
    secret: str

    @property
    def row(self) -> Any:
        return self.practice.row("webhook_endpoints", id=self.id)

    @property
    def log(self) -> list[Any]:
        """Its deliveries, oldest first."""
        return self.practice.rows("webhook_deliveries", endpoint_id=self.id)

    @property
    def states(self) -> list[str]:
        return [row.state for row in self.log]

    @property
    def types(self) -> list[str]:
        """The types of the calls that arrived."""
        return [call.said["type"] for call in self.gateway.calls]

    def run(self) -> None:
        """Make the calls that are due now, as the sweep and the workers do."""
        sweep("call_due_webhooks")
        sweep("publish_due_steps")
        while steps := self.practice.steps(kind=Kind.POST_WEBHOOKS, state="published"):
            self.practice.run(Kind.POST_WEBHOOKS, *steps)

    def run_at_next_attempt(self, watch: Watch) -> None:
        """Move the clock to the next retry, then make the calls that are due."""
        due = min(row.next_attempt_at for row in self.log if row.state == "pending" and row.attempts)
        watch.set(max(due, self.row.paused_until or due))
        self.run()

    def set(self, **columns: Any) -> None:
        """Change its row."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        sql(f"UPDATE webhook_endpoints SET {sets} WHERE id = :id", id=self.id, **columns)
        sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :id", id=self.practice.clinic_id)

    def test(self) -> UUID:
        with transaction() as session:
            return deliveries.send_test(session, self.practice.clinic_id, self.id).id

    def replay(self, **given: Any) -> deliveries.Replay:
        with transaction() as session:
            data = {"dry_run": False, **given}
            return deliveries.replay_many(session, self.practice.clinic_id, self.id, data)

    def rotate(self) -> str:
        with transaction() as session:
            secret: str = endpoints.rotate_secret(session, self.practice.clinic_id, self.id).secret
        return secret

    def activate(self) -> None:
        with transaction() as session:
            current = endpoints.find_endpoint(session, self.practice.clinic_id, self.id)
            data = {name: getattr(current, name) for name in (*SETTINGS, "url")}
            endpoints.update_endpoint(session, self.practice.actor(), self.id, {**data, "is_active": True})


def connect(practice: Practice, gateway: Gateway, **more: Any) -> Hook:
    """Create an endpoint."""
    with transaction() as session:
        data = {**SETTINGS, "url": gateway.url, **more}
        made = endpoints.create_endpoint(session, practice.actor(), data)
        return Hook(practice, gateway, made.id, made.secret)


def verify(call: Call, secret: str) -> Any:
    """Verify a call as receivers do, with the library of Standard Webhooks, and return its body."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    return Webhook(secret).verify(call.body, headers)
