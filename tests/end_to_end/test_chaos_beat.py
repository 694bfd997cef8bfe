"""Beat is killed, or runs twice. Each step still runs exactly once."""

import time
from datetime import timedelta

from app.clock import now
from tests.support.chaos import (
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

GRACE = 5  # seconds after which the offer and the reminders below are too late


def test_overdue_steps_run_after_beat_restarts_unless_too_late(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "2"
    worker, beat = scene.start_worker(), scene.start_beat()
    offer = mail_to_lead("6 seconds") | {"skip_when_later_than": "3 seconds"}
    clinic = scene.open(escalation("6 seconds"), reminder("2 seconds"), offer)
    ready(worker)
    beat.wait_for("beat: Starting")

    beat.kill()
    for lead in clinic.capture(20):
        _plan(clinic, lead.id, due_in=8)
    wait_until(lambda: scene.results.due_and_open() == 60, 60, "everything to be due")
    time.sleep(GRACE)
    assert scene.results.due_and_open() == 60
    scene.start_beat()

    each = {"no-contact": 20, "task-reminder": 20, "welcome": 20}
    scene.results.wait_for(each)
    scene.results.check(planned=each)
    assert scene.results.ends() == {
        ("no-contact", "done", None): 20,
        ("task-reminder", "skipped", "too_late"): 20,
        ("welcome", "skipped", "too_late"): 20,
    }


def test_two_beats_repeat_no_step(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "2"
    beats = [scene.start_beat(), scene.start_beat()]
    worker = scene.start_worker(concurrency=3)
    clinic = scene.open(call_task("3 seconds"), reminder("1 second"), overdue_escalation(), escalation("9 seconds"))
    ready(worker)

    clinic.capture(40)

    each = {"speed-to-lead": 40, "task-reminder": 40, "overdue": 40, "no-contact": 40}
    scene.results.wait_for(each)
    for beat in beats:
        beat.wait_for("Sending due task mark_overdue_tasks")
    scene.results.check(planned=each)


def _plan(clinic: OpenClinic, lead_id: str, *, due_in: int) -> None:
    task = {"title": "Call back", "type": "CALL", "due_at": (now() + timedelta(seconds=due_in)).isoformat()}
    answer = clinic.post(f"/api/leads/{lead_id}/tasks", task)
    assert answer.status_code == 201, answer.text
