"""The broker forgets, dies or is away. It only wakes workers: what is to be done stands in PostgreSQL."""

import os
import signal
import time

from tests.support.chaos import FOUND_AGAIN, Answer, Scene, call_task, escalation, ready, reminder
from tests.support.processes import wait_until


def test_a_broker_that_is_flushed_after_1000_leads_were_captured_loses_none_of_their_follow_ups(scene: Scene) -> None:
    clinic = scene.open(call_task(), escalation("24 hours"), reminder("15 minutes"))
    answers = clinic.capture(1000)
    assert [answer.status for answer in answers] == [201] * 1000
    assert scene.waiting() > 0

    wait_until(lambda: _is_flushed(scene), 30, "the last of the messages to be sent and flushed")
    scene.start_worker()
    scene.start_beat()

    scene.ledger.wait_for({"speed-to-lead": 1000})
    assert scene.ledger.ended() == {"speed-to-lead": 1000, "no-contact": 0, "task-reminder": 0}
    scene.ledger.check(planned={"speed-to-lead": 1000, "no-contact": 1000, "task-reminder": 1000})


def test_workers_outlive_a_broker_that_dies_while_they_hold_messages_for_later(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "9"
    workers = [scene.start_worker("steps"), scene.start_worker("steps,sweeps")]
    beat = scene.start_beat()
    clinic = scene.open(call_task(), escalation("8 seconds"))
    ready(*workers)
    clinic.capture(40)
    wait_until(lambda: scene.held() >= 5, 30, "the workers to hold messages")

    scene.valkey.kill()
    scene.valkey.start()

    scene.ledger.wait_for({"speed-to-lead": 40, "no-contact": 40})
    clinic.capture(10, start=40)  # and they take what comes next
    scene.ledger.wait_for({"speed-to-lead": 50, "no-contact": 40})
    scene.ledger.check(planned={"speed-to-lead": 50, "no-contact": 50}, late_at_most=FOUND_AGAIN)
    assert all(process.is_running() for process in [*workers, beat])


def test_leads_captured_while_the_broker_is_away_are_answered_and_followed_up_when_it_is_back(scene: Scene) -> None:
    worker, beat = scene.start_worker(), scene.start_beat()
    clinic = scene.open(call_task(), escalation("2 seconds"))
    ready(worker)
    before = clinic.capture(5)

    os.kill(scene.valkey.pid() or 0, signal.SIGSTOP)  # it takes calls, and answers none
    silent = clinic.capture(20, start=5)
    scene.valkey.kill()
    dead = clinic.capture(20, start=25)
    wait_until(lambda: scene.ledger.due_and_open() >= 80, 30, "what would have run meanwhile to be due")
    scene.valkey.start()

    print(f"slowest answer: before {_slowest(before)}, broker silent {_slowest(silent)}, dead {_slowest(dead)}")
    assert [answer.status for answer in silent + dead] == [201] * 40
    assert all(answer.seconds < 5 for answer in silent)  # whoever waited for the broker would wait for 10
    each = {"speed-to-lead": 45, "no-contact": 45}
    scene.ledger.wait_for(each)
    scene.ledger.check(planned=each, late_at_most=FOUND_AGAIN)
    assert worker.is_running()
    assert beat.is_running()


def _slowest(answers: list[Answer]) -> str:
    return f"{max(answer.seconds for answer in answers):.3f} s"


def _is_flushed(scene: Scene) -> bool:
    """The API sends after it has answered: flush until nothing more comes."""
    scene.valkey.flush()
    time.sleep(0.2)
    return scene.waiting() == 0
