"""The mail server hangs or is down, and a worker is killed while it sends. Each message arrives at most once."""

import time
from typing import Any

import pytest

from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from tests.support.chaos import OpenClinic, Scene, mail_to_lead, ready
from tests.support.processes import wait_until
from tests.support.smtp import HANG, SmtpServer

IN_DOUBT = "lead-7@example.org"
MESSAGE = {"channel": "email", "template": "hello", "transactional": True}
SEQUENCE = {
    "name": "welcome",
    "is_active": True,
    "enroll": {"on": "lead.created"},
    "steps": [
        {"name": "hello", "send_message": MESSAGE},
        {"name": "speak", "after": "3 seconds", "create_task": {"type": "CALL", "title": "Call them"}},
        {"name": "again", "after": "3 seconds", "send_message": MESSAGE},
    ],
}


def test_interrupted_message_is_sent_again_only_on_request(scene: Scene, mail_server: SmtpServer) -> None:
    mail_server.on("body", HANG, to=IN_DOUBT, times=1)
    scene.env |= {"SOFT_TIME_LIMIT": "5", "HARD_TIME_LIMIT": "6", "LEASE_SECONDS": "7"}
    scene.start_beat()
    scene.start_worker("steps,sweeps")
    deliverer = scene.start_worker("deliveries", concurrency=1)
    clinic = scene.open(mail_to_lead())
    clinic.capture(20)
    wait_until(lambda: _is_being_sent(clinic, mail_server), 60, f"the message to {IN_DOUBT} to hang")

    deliverer.kill()
    print(f"killed after {len(mail_server.accepted)} of 20 messages")
    scene.start_worker("deliveries", concurrency=1)

    scene.results.wait_for({"welcome": 20, "deliver": 20})
    assert scene.results.ends() == {
        ("welcome", "done", None): 20,
        ("deliver", "done", None): 19,
        ("deliver", "unknown", None): 1,
    }
    assert IN_DOUBT not in {mail.recipient for mail in mail_server.received}
    scene.results.check(planned={"welcome": 20, "deliver": 20}, mails=mail_server.accepted)

    (doubtful,) = _notifications(clinic, "unknown")
    answer = clinic.post(f"/api/notifications/{doubtful['id']}/resolve", {"as": "retry"})
    assert answer.status_code == 200, answer.text
    scene.results.wait_for({"deliver": 21})
    assert [mail.recipient for mail in mail_server.accepted].count(IN_DOUBT) == 1
    found = clinic.get(f"/api/notifications/{doubtful['id']}").json()
    assert (found["state"], found["attempts"]) == ("sent", 2)
    assert [delivery["outcome"] for delivery in found["deliveries"]] == ["unknown", "sent"]
    scene.results.check(planned={"welcome": 20, "deliver": 21}, mails=mail_server.accepted)


def test_messages_wait_for_the_mail_server_and_are_sent_once(scene: Scene, mail_server: SmtpServer) -> None:
    scene.env |= {"CHANNEL_PROBE_SECONDS": "1"}
    worker = scene.start_worker("steps,sweeps,deliveries")
    scene.start_beat()
    clinic = scene.open(mail_to_lead())
    ready(worker)

    mail_server.stop()
    clinic.capture(20)
    wait_until(lambda: _waiting(clinic) >= 10, 60, "messages to wait for the mail server")
    assert mail_server.accepted == []
    mail_server.start()

    scene.results.wait_for({"welcome": 20, "deliver": 20})
    scene.results.check(planned={"welcome": 20, "deliver": 20}, mails=mail_server.accepted)
    for sent in _notifications(clinic, "sent"):
        found = clinic.get(f"/api/notifications/{sent['id']}").json()
        outcomes = [delivery["outcome"] for delivery in found["deliveries"]]
        assert outcomes == ["transient"] * (found["attempts"] - 1) + ["sent"]
    assert sum(found["attempts"] for found in _notifications(clinic, "sent")) < 20 * MAX_ATTEMPTS / 2


@pytest.mark.parametrize("seconds", [5, 40])
def test_sequence_goes_on_when_the_mail_server_is_back(scene: Scene, mail_server: SmtpServer, seconds: int) -> None:
    worker = scene.start_worker("steps,sweeps,deliveries")
    scene.start_beat()
    clinic = scene.open()
    sequence = clinic.post("/api/sequences", SEQUENCE)
    assert sequence.status_code == 201, sequence.text
    ready(worker)

    mail_server.stop()
    clinic.capture(8)
    wait_until(lambda: _waiting(clinic) > 0, 60, "messages to wait for the mail server")
    time.sleep(seconds)
    mail_server.start()

    # A step without a wake-up would wait for an hour.
    scene.results.wait_for({"welcome/hello": 8, "welcome/speak": 8, "welcome/again": 8, "deliver": 16})
    scene.results.check(mails=mail_server.accepted)
    assert len(mail_server.accepted) == 16


def _notifications(clinic: OpenClinic, state: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = clinic.get("/api/notifications", state=state, limit=100).json()["items"]
    return items


def _is_being_sent(clinic: OpenClinic, server: SmtpServer) -> bool:
    """Whether the worker has sent DATA for this recipient and nothing after it."""
    commands = " ".join(server.commands[-2:]).lower()
    return IN_DOUBT in commands and commands.endswith("data") and bool(_notifications(clinic, "sending"))


def _waiting(clinic: OpenClinic) -> int:
    """Return the number of messages that wait for the mail server without a try."""
    return sum(found["attempts"] == 0 for found in _notifications(clinic, "pending"))
