"""Workers and beat are killed, stopped, too few or too many. Whatever they held is done, and once."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from app.clock import now
from tests.support.chaos import (
    FOUND_AGAIN,
    OpenClinic,
    Scene,
    call_task,
    escalation,
    mail_to_lead,
    overdue_escalation,
    ready,
    reminder,
)
from tests.support.processes import wait_until

GRACE = 5  # seconds after which neither the offer nor the reminders below make sense any more


def test_workers_and_beat_that_are_killed_in_the_middle_lose_and_double_nothing(scene: Scene) -> None:
    crew = [scene.start_worker(), scene.start_beat()]
    clinic = scene.open(call_task(), escalation("3 seconds"))
    ready(crew[0])
    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 400)
        for enough in (60, 350):
            wait_until(lambda n=enough: scene.ledger.ended().total() > n, 60, f"{enough} steps to have ended")
            for process in crew:
                process.kill()
            ended, held = scene.ledger.ended().total(), scene.held()
            print(f"killed after {ended} of 800 steps, while {held} messages were held")
            assert ended < 800
            crew = [scene.start_worker(), scene.start_beat()]
        assert [answer.status for answer in captured.result()] == [201] * 400

    scene.ledger.wait_for({"speed-to-lead": 400, "no-contact": 400})
    scene.ledger.check(planned={"speed-to-lead": 400, "no-contact": 400}, late_at_most=FOUND_AGAIN)


def test_a_step_that_kills_its_process_each_time_is_given_up_and_the_others_run(scene: Scene) -> None:
    worker, beat = scene.start_worker(app="tests.support.crashing"), scene.start_beat()
    clinic = scene.open(call_task())
    ready(worker)
    clinic.capture(20)

    scene.ledger.wait_for({"speed-to-lead": 20})
    scene.ledger.check(planned={"speed-to-lead": 20}, late_at_most=FOUND_AGAIN)
    assert scene.ledger.ends() == {("speed-to-lead", "done", None): 19, ("speed-to-lead", "failed", None): 1}
    [dead] = clinic.get("/api/steps", state="failed").json()["items"]
    assert (dead["attempts"], dead["error"]) == (5, "The process that ran it ended.")
    assert worker.is_running()
    assert beat.is_running()


def test_what_became_due_while_beat_was_down_runs_when_it_is_back_but_nothing_that_is_too_late(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "2"
    worker, beat = scene.start_worker(), scene.start_beat()
    offer = mail_to_lead("6 seconds") | {"skip_when_later_than": "3 seconds"}
    clinic = scene.open(escalation("6 seconds"), reminder("2 seconds"), offer)
    ready(worker)
    beat.wait_for("beat: Starting")

    beat.kill()
    for lead in clinic.capture(20):
        _plan(clinic, lead.id, due_in=8)
    wait_until(lambda: scene.ledger.due_and_open() == 60, 30, "everything to be due")
    time.sleep(GRACE)
    assert scene.ledger.due_and_open() == 60
    scene.start_beat()

    each = {"no-contact": 20, "task-reminder": 20, "welcome": 20}
    scene.ledger.wait_for(each)
    scene.ledger.check(planned=each, late_at_most=FOUND_AGAIN)
    assert scene.ledger.ends() == {
        ("no-contact", "done", None): 20,
        ("task-reminder", "skipped", "too_late"): 20,
        ("welcome", "skipped", "too_late"): 20,
    }


def test_two_beats_at_once_double_nothing(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "2"
    beats = [scene.start_beat(), scene.start_beat()]
    worker = scene.start_worker(concurrency=3)
    clinic = scene.open(call_task("3 seconds"), reminder("1 second"), overdue_escalation(), escalation("9 seconds"))
    ready(worker)

    clinic.capture(40)

    each = {"speed-to-lead": 40, "task-reminder": 40, "overdue": 40, "no-contact": 40}
    scene.ledger.wait_for(each)
    for beat in beats:
        beat.wait_for("Sending due task mark_overdue_tasks")
    scene.ledger.check(planned=each, late_at_most=FOUND_AGAIN)


def test_a_worker_that_is_stopped_finishes_what_it_does_and_puts_back_what_it_holds(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "9"
    first = scene.start_worker("steps")
    clinic = scene.open(call_task(), escalation("8 seconds"))
    ready(first)
    clinic.capture(60)
    wait_until(lambda: scene.held() >= 5, 30, "the worker to hold messages")

    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 100, start=60)
        began = time.monotonic()
        code = first.stop()
        print(f"stopped in {time.monotonic() - began:.1f} s; {scene.waiting()} messages wait, {scene.held()} are held")
        assert code == 0
        assert scene.held() == 0
        assert [answer.status for answer in captured.result()] == [201] * 100
    scene.start_worker("steps")  # and no beat: what was not put back would never run

    scene.ledger.wait_for({"speed-to-lead": 160, "no-contact": 160})
    scene.ledger.check(planned={"speed-to-lead": 160, "no-contact": 160}, late_at_most=FOUND_AGAIN)


def _plan(clinic: OpenClinic, lead_id: str, *, due_in: int) -> None:
    task = {"title": "Call back", "type": "CALL", "due_at": (now() + timedelta(seconds=due_in)).isoformat()}
    answer = clinic.post(f"/api/leads/{lead_id}/tasks", task)
    assert answer.status_code == 201, answer.text
