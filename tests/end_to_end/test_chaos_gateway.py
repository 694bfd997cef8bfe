"""A gateway hangs, and a worker is killed during a call. Only idempotent calls are repeated."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chaos import OpenClinic, Rule, Scene, ready
from tests.support.gateway import Gateway
from tests.support.processes import wait_until

SEND = {"channel": "http", "template": "hello", "transactional": True}
RULES: tuple[Rule, ...] = (
    {"name": "again", "on": "lead.created", "do": [{"send_message": {**SEND, "gateway": "knows-ids"}}]},
    {"name": "perhaps", "on": "lead.created", "do": [{"send_message": {**SEND, "gateway": "knows-none"}}]},
    {"name": "hook", "on": "lead.created", "do": [{"call_webhook": {"gateway": "crm"}}]},
)


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


def test_killed_worker_repeats_only_idempotent_gateway_calls(scene: Scene, gateway: Gateway) -> None:
    scene.start_beat()
    scene.start_worker("steps,sweeps")
    deliverer = scene.start_worker("deliveries", concurrency=3)
    clinic = scene.open(*RULES)
    connect(clinic, gateway, name="knows-ids", idempotent=True)
    connect(clinic, gateway, name="knows-none", idempotent=False)
    connect(clinic, gateway, name="crm", purpose="webhook")
    gateway.hang()
    clinic.capture(1, phone="+34612345678")
    # On a slow machine the first call ends in its time limit and is repeated before the last one is made.
    wait_until(lambda: len({call.id for call in gateway.calls}) == 3, 60, "the three calls to hang")
    deliverer.kill()
    gateway.hang_up()
    ready(scene.start_worker("deliveries", concurrency=1))

    scene.results.wait_for({"again": 1, "perhaps": 1, "hook": 1, "deliver": 2})
    assert scene.results.ends() == {
        ("again", "done", None): 1,
        ("perhaps", "done", None): 1,
        ("hook", "done", None): 1,
        ("deliver", "done", None): 1,
        ("deliver", "unknown", None): 1,
    }
    # Repeated with the same id: twice, or three times where the first call had ended in its time limit.
    once, *repeated = sorted(Counter(call.id for call in gateway.calls).values())
    assert once == 1
    assert len(repeated) == 2
    assert min(repeated) >= 2
    found = clinic.get("/api/notifications", channel="http").json()["items"]
    assert Counter(one["state"] for one in found) == {"sent": 1, "unknown": 1}
    scene.results.check(planned={"again": 1, "perhaps": 1, "hook": 1, "deliver": 2})
