"""The local echo gateway, with real processes: messages and webhooks arrive, and their status comes back."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import text

from app.core.db import transaction
from app.ops.demo.echo_gateways import connect_echo_gateways
from app.ops.embedded import free_port
from tests.support.chaos import OpenClinic, Rule, Scene, ready
from tests.support.environment import this_process
from tests.support.processes import wait_until

pytest_plugins = ["tests.support.practice"]

PATIENCE = 60  # seconds
SAY: Rule = {
    "name": "hello",
    "on": "lead.created",
    "do": [
        {"send_message": {"channel": "http", "template": "hello", "transactional": True}},
        {"call_webhook": {"gateway": "echo-webhook"}},
    ],
}


def start_echo(scene: Scene, clinic: OpenClinic, port: int) -> str:
    """Connect the clinic's gateways to a new echo gateway, and return its address."""
    with transaction() as session:
        clinic_id = session.execute(text("SELECT id FROM clinics")).scalar_one()
        connect_echo_gateways(session, clinic_id, port)
    scene.processes.start("echo", "app.ops.echo", [], env={"PORT": clinic.url.rpartition(":")[2]})
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: is_up(url), PATIENCE, "the echo gateway to answer")
    return url


def is_up(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


def calls(url: str) -> dict[str, dict[str, Any]]:
    return {call["purpose"]: call for call in httpx.get(f"{url}/calls.json").json()}


def test_message_and_webhook_pass_through_the_echo_gateway(scene: Scene, configure: Callable[..., None]) -> None:
    port = free_port()
    home = this_process() / "echo"
    configure(outgoing_allow=f"127.0.0.1:{port}", echo_port=port, relance_home=home)
    worker = scene.start_worker("steps,deliveries")
    clinic = scene.open(SAY)
    echo = start_echo(scene, clinic, port)
    ready(worker)
    [lead] = clinic.capture(1, phone="+34612345678")

    wait_until(lambda: calls(echo).keys() == {"messages", "webhook"}, PATIENCE, "both calls to arrive")
    message, webhook = calls(echo)["messages"], calls(echo)["webhook"]
    assert (message["body"]["to"]["phone"], message["body"]["lead_id"]) == ("+34612345678", lead.id)
    assert webhook["body"]["data"]["lead_id"] == lead.id
    assert "We look forward to seeing Ana" in httpx.get(echo).text

    def note() -> dict[str, Any]:
        found: dict[str, Any] = clinic.get(f"/api/notifications/{message['id']}").json()
        return found

    wait_until(lambda: note()["delivered_at"] is not None, PATIENCE, "the delivery report")
    assert note()["state"] == "sent"

    reply = {"message_id": message["id"], "status": "replied", "text": "Yes, please"}
    assert httpx.post(f"{echo}/report", json=reply).status_code == 202
    assert clinic.get(f"/api/leads/{lead.id}").json()["replied_at"] is not None
    assert httpx.post(f"{echo}/messages", json={}).status_code == 401  # without a signature
    assert httpx.get(echo, headers={"Host": "evil.example"}).status_code == 403
