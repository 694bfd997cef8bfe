"""Messages that come too often, or are rubbish."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery

from tests.support.chaos import FOUND_AGAIN, Scene, call_task, escalation, mail_to_lead, ready, reminder
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer
from tests.support.wire import Wire


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


def _publish(*args: Any, task: str = "steps.create_task", **more: Any) -> None:
    """As anybody could who has the broker's password."""
    with Celery(broker=os.environ["BROKER_URL"]) as stranger:
        stranger.send_task(task, args, queue="steps", **more)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)
