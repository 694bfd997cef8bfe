"""Messages that come too often, are rubbish, or might say too much."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from celery import Celery

from tests.support.chaos import FOUND_AGAIN, Scene, call_task, escalation, mail_to_lead, ready, reminder
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer
from tests.support.wire import Wire, everything_in

CANARY = {
    "first_name": "Xaverine",
    "last_name": "Quillfeather",
    "patient_first_name": "Zebedeo",
    "phone": "+34 612 98 76 53",
    "email": "x.quill@canary.example",
    "patient_dob": "1987-03-14",
    "insurance_member_id": "CANARY-4711",
    "notes": "Afraid of needles.",
}
TRACES = ("xaverine", "quill", "zebedeo", "612987653", "612 98", "canary", "1987-03-14", "needles", "brackets-at-noon")


def test_every_message_delivered_three_times_does_everything_once(scene: Scene, mail_server: SmtpServer) -> None:
    workers = [scene.start_worker("steps,sweeps"), scene.start_worker("steps,deliveries")]
    scene.start_beat()
    clinic = scene.open(call_task("5 seconds"), reminder("1 second"), escalation("3 seconds"), mail_to_lead())
    ready(*workers)
    with Wire(scene.valkey, repeat=2) as wire:
        clinic.capture(60)
        each = {"speed-to-lead": 60, "task-reminder": 60, "no-contact": 60, "welcome": 60, "deliver": 60}
        scene.ledger.wait_for(each)
        wait_until(lambda: not scene.waiting("steps") + scene.held(), 60, "every copy to have been worked off")

    print(f"{wire.repeated} copies of messages; {scene.ledger.refused()} steps refused as done already")
    assert scene.ledger.refused() > 0
    scene.ledger.check(planned=each, mails=mail_server.accepted, late_at_most=FOUND_AGAIN)


def test_a_pickle_is_refused_and_rubbish_does_no_harm(scene: Scene, tmp_path: Path) -> None:
    worker = scene.start_worker("steps")
    clinic = scene.open(call_task())
    ready(worker)

    _publish([_Bomb(tmp_path / "exploded")], serializer="pickle")
    for args in (["no-id"], [str(uuid4())], [None, 17, {}], "text", 17, [], {"a": 1}):
        _publish(args)
    _publish([], [])
    _publish()
    _publish([str(uuid4())], task="steps.no_such_kind")
    clinic.capture(3)

    scene.ledger.wait_for({"speed-to-lead": 3})
    wait_until(lambda: not scene.waiting() + scene.held(), 30, "the rubbish to be thrown away")
    scene.ledger.check(planned={"speed-to-lead": 3})
    assert not (tmp_path / "exploded").exists()
    assert "Refusing to deserialize" in worker.output()
    assert worker.is_running()


def test_bytes_that_are_no_message_at_all_do_not_end_a_worker(scene: Scene) -> None:
    worker = scene.start_worker("steps")
    ready(worker)
    with scene.valkey.client() as client:
        client.lpush("steps", b"\xff, and no JSON")

    _publish([str(uuid4())])

    wait_until(lambda: not worker.is_running() or not scene.waiting() + scene.held(), 30, "the messages to be read")
    assert worker.is_running()


def test_no_personal_data_reaches_the_broker_or_a_log(scene: Scene, mail_server: SmtpServer) -> None:
    clinic = scene.open(call_task("4 seconds"), reminder("1 second"), escalation("2 seconds"), mail_to_lead())
    said = "550 5.1.1 <x.quill@canary.example>: no such Quillfeather"
    mail_server.on("rcpt", said, to="x.quill@canary.example", times=1)
    with Wire(scene.valkey) as wire:
        lead = clinic.post("/api/leads", {**CANARY, "source_id": clinic.source_id})
        assert lead.status_code == 201, lead.text
        path = f"/api/leads/{lead.json()['id']}"
        _say_more(clinic, path)
        wait_until(lambda: scene.waiting() >= 2, 20, "messages to wait")
        _assert_no_trace("the broker's keys", everything_in(scene.valkey))

        scene.start_worker("steps,sweeps")
        scene.start_worker("deliveries")
        scene.start_beat()
        scene.ledger.wait_for({"speed-to-lead": 1, "no-contact": 1, "welcome": 1, "deliver": 1})
    assert clinic.get("/api/notifications", state="failed").json()["items"][0]["error"] == said

    _assert_no_trace("what the broker was told", wire.text())
    _assert_no_trace("the broker's keys", everything_in(scene.valkey))
    assert "steps.create_task" in wire.text()  # so the wire was heard, and its messages read
    for process in scene.processes.started:
        _assert_no_trace(f"the log of {process.name}", process.output())


def _publish(*args: Any, task: str = "steps.create_task", **more: Any) -> None:
    """As anybody could who has the broker's password."""
    with Celery(broker=os.environ["BROKER_URL"]) as stranger:
        stranger.send_task(task, args, queue="steps", **more)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def _say_more(clinic: Any, path: str) -> None:
    """Everything else that a person may type, mistakes included."""
    answers = [
        clinic.post("/api/leads", {**CANARY, "source_id": clinic.source_id, "email": "quillfeather@", "canary": 1}),
        clinic.post("/api/leads", {**CANARY, "source_id": str(uuid4())}),
        clinic.post(f"{path}/activities", {"type": "NOTE", "notes": "Quillfeather likes brackets-at-noon."}),
        clinic.get("/api/leads", quillfeather="612987653"),
        clinic.get("/api/leads/quillfeather"),
        httpx.post(f"{clinic.url}/api/auth/login", json={"email": CANARY["email"], "password": "brackets-at-noon"}),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 201, 422, 404, 401]


def _assert_no_trace(where: str, text: str) -> None:
    found = [trace for trace in TRACES if trace in text.lower()]
    if found:
        at = text.lower().index(found[0])
        pytest.fail(f"{found} in {where}: …{text[max(at - 300, 0) : at + 300]}…")
