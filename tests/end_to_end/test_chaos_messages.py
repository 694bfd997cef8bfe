"""Repeated and invalid messages at the broker."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery

from tests.support.broker_monitor import BrokerMonitor
from tests.support.chaos import Scene, call_task, escalation, mail_to_lead, ready, reminder
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer


def test_messages_delivered_three_times_take_effect_once(scene: Scene, mail_server: SmtpServer) -> None:
    workers = [scene.start_worker("steps,sweeps"), scene.start_worker("steps,deliveries")]
    scene.start_beat()
    clinic = scene.open(call_task("5 seconds"), reminder("1 second"), escalation("3 seconds"), mail_to_lead())
    ready(*workers)
    with BrokerMonitor(scene.valkey, repeat=2) as monitor:
        clinic.capture(60)
        each = {"speed-to-lead": 60, "task-reminder": 60, "no-contact": 60, "welcome": 60, "deliver": 60}
        scene.results.wait_for(each)
        wait_until(lambda: not scene.waiting("steps") + scene.held(), 60, "all copies to be processed")

    print(f"{monitor.repeated} copies of messages; {scene.results.refused()} steps refused as done already")
    assert scene.results.refused() > 0
    scene.results.check(planned=each, mails=mail_server.accepted)


def test_pickle_is_refused_and_invalid_messages_are_discarded(scene: Scene, tmp_path: Path) -> None:
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

    scene.results.wait_for({"speed-to-lead": 3})
    wait_until(lambda: not scene.waiting() + scene.held(), 60, "the invalid messages to be discarded")
    scene.results.check(planned={"speed-to-lead": 3})
    assert not (tmp_path / "exploded").exists()
    assert "Refusing to deserialize" in worker.output()
    assert worker.is_running()


def test_worker_survives_bytes_that_are_no_message(scene: Scene) -> None:
    worker = scene.start_worker("steps")
    ready(worker)
    with scene.valkey.client() as client:
        client.lpush("steps", b"\xff, and no JSON")

    _publish([str(uuid4())])

    wait_until(lambda: not worker.is_running() or not scene.waiting() + scene.held(), 60, "the messages to be read")
    assert worker.is_running()


def _publish(*args: Any, task: str = "steps.create_task", **more: Any) -> None:
    """Publish a message with the broker's password."""
    with Celery(broker=os.environ["BROKER_URL"]) as client:
        client.send_task(task, args, queue="steps", **more)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)
