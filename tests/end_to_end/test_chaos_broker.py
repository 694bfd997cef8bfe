"""The broker loses messages, crashes or does not answer. Due steps are stored in PostgreSQL and still run."""

import os
import signal
import time

from tests.support.chaos import Answer, Scene, call_task, escalation, ready, reminder
from tests.support.processes import wait_until


def test_flushed_broker_loses_no_follow_ups(scene: Scene) -> None:
    clinic = scene.open(call_task(), escalation("24 hours"), reminder("15 minutes"))
    answers = clinic.capture(300)
    assert [answer.status for answer in answers] == [201] * 300
    assert scene.waiting() > 0

    wait_until(lambda: _is_flushed(scene), 60, "the last of the messages to be sent and flushed")
    scene.start_worker()
    scene.start_beat()

    scene.results.wait_for({"speed-to-lead": 300})
    assert scene.results.ended() == {"speed-to-lead": 300, "no-contact": 0, "task-reminder": 0}
    scene.results.check(planned=dict.fromkeys(("speed-to-lead", "no-contact", "task-reminder"), 300))


def test_workers_survive_a_broker_crash_while_they_hold_messages(scene: Scene) -> None:
    # What they held they publish again themselves: no sweep does within the test.
    scene.env |= {"HORIZON_SECONDS": "9", "REPUBLISH_AFTER_SECONDS": "600"}
    workers = [scene.start_worker("steps"), scene.start_worker("steps,sweeps")]
    beat = scene.start_beat()
    clinic = scene.open(call_task(), escalation("8 seconds"))
    ready(*workers)
    clinic.capture(40)
    wait_until(lambda: scene.held() >= 5, 60, "the workers to hold messages")

    scene.valkey.kill()
    scene.valkey.start()

    scene.results.wait_for({"speed-to-lead": 40, "no-contact": 40})
    clinic.capture(10, start=40)  # and they take what comes next
    scene.results.wait_for({"speed-to-lead": 50, "no-contact": 40})
    scene.results.check(planned={"speed-to-lead": 50, "no-contact": 50})
    assert all(process.is_running() for process in [*workers, beat])


def test_leads_captured_without_a_broker_are_followed_up_later(scene: Scene) -> None:
    worker, beat = scene.start_worker(), scene.start_beat()
    clinic = scene.open(call_task(), escalation("2 seconds"))
    ready(worker)
    before = clinic.capture(5)

    os.kill(scene.valkey.pid() or 0, signal.SIGSTOP)  # it accepts connections but does not answer
    silent = clinic.capture(20, start=5)
    scene.valkey.kill()
    dead = clinic.capture(20, start=25)
    wait_until(lambda: _due(scene) == 90, 60, "90 steps to be due")
    scene.valkey.start()

    print(f"slowest answer: before {_slowest(before)}, broker silent {_slowest(silent)}, dead {_slowest(dead)}")
    assert [answer.status for answer in silent + dead] == [201] * 40
    each = {"speed-to-lead": 45, "no-contact": 45}
    scene.results.wait_for(each)
    scene.results.check(planned=each)
    assert worker.is_running()
    assert beat.is_running()


def _due(scene: Scene) -> int:
    """Return the number of steps that are due or have run; a busy worker also runs due steps that no message names."""
    return scene.results.due_and_open() + scene.results.ended().total()


def _slowest(answers: list[Answer]) -> str:
    return f"{max(answer.seconds for answer in answers):.3f} s"


def _is_flushed(scene: Scene) -> bool:
    """The API publishes after it answers: flush until no message arrives."""
    scene.valkey.flush()
    time.sleep(0.2)
    return scene.waiting() == 0
