"""A gateway hangs, and workers die in the middle of a call."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chaos import OpenClinic, Rule, Scene, ready
from tests.support.gateway import Gateway
from tests.support.processes import wait_until

WELCOME: Rule = {
    "name": "welcome",
    "on": "lead.created",
    "do": [{"send_message": {"channel": "http", "template": "hello", "transactional": True}}],
}
HOOK: Rule = {"name": "hook", "on": "lead.created", "do": [{"call_webhook": {"gateway": "crm"}}]}


@pytest.fixture
def gateway(scene: Scene) -> Iterator[Gateway]:
    with Gateway() as gateway:
        scene.env |= {"OUTGOING_ALLOW": gateway.place, "OUTGOING_TIMEOUT": "3"}
        scene.env |= {"SOFT_TIME_LIMIT": "5", "HARD_TIME_LIMIT": "6", "LEASE_SECONDS": "7"}
        yield gateway


def connect(clinic: OpenClinic, gateway: Gateway, **more: Any) -> None:
    body = {"name": "social", "purpose": "messages", "url": gateway.url, **more}
    answer = clinic.post("/api/gateways", body)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_message_whose_worker_is_killed_while_the_gateway_answers_is_sent_again_where_that_does_no_harm(
    scene: Scene, gateway: Gateway, idempotent: bool
) -> None:
    scene.start_beat()
    scene.start_worker("steps,sweeps")
    deliverer = scene.start_worker("deliveries", concurrency=1)
    clinic = scene.open(WELCOME)
    connect(clinic, gateway, idempotent=idempotent)
    gateway.hang()
    clinic.capture(3, phone="+34612345678")
    wait_until(lambda: bool(gateway.calls), 60, "the first message to hang")
    deliverer.kill()
    gateway.hang_up()
    ready(scene.start_worker("deliveries", concurrency=1))

    scene.ledger.wait_for({"welcome": 3, "deliver": 3})
    states = Counter(state for name, state, _ in scene.ledger.ends().elements() if name == "deliver")
    assert states == ({"done": 3} if idempotent else {"done": 2, "unknown": 1})
    sent = Counter(call.id for call in gateway.calls)
    assert sorted(sent.values()) == ([1, 1, 2] if idempotent else [1, 1, 1])
    found = clinic.get("/api/notifications", channel="http").json()["items"]
    assert Counter(one["state"] for one in found) == ({"sent": 3} if idempotent else {"sent": 2, "unknown": 1})
    scene.ledger.check(planned={"welcome": 3, "deliver": 3})


def test_a_webhook_whose_worker_is_killed_is_called_again_with_the_same_id(scene: Scene, gateway: Gateway) -> None:
    scene.start_beat()
    scene.start_worker("steps,sweeps")
    deliverer = scene.start_worker("deliveries", concurrency=1)
    clinic = scene.open(HOOK)
    connect(clinic, gateway, name="crm", purpose="webhook")
    gateway.hang()
    clinic.capture(1)
    wait_until(lambda: bool(gateway.calls), 60, "the call to hang")
    deliverer.kill()
    gateway.hang_up()
    ready(scene.start_worker("deliveries", concurrency=1))

    scene.ledger.wait_for({"hook": 1})
    assert scene.ledger.ends() == {("hook", "done", None): 1}
    assert Counter(call.id for call in gateway.calls).most_common()[0][1] == len(gateway.calls) == 2
