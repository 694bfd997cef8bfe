"""Backfill with real workers: dates known before the rule, and a killed worker."""

from datetime import timedelta
from typing import Any

from app.clock import now
from tests.support.bulk import counts, many_leads, show, work_off
from tests.support.desk import Desk
from tests.support.processes import Processes, wait_until

pytest_plugins = ["tests.support.desk"]

RULES = "/api/follow-up-rules"
CALL = {"create_task": {"type": "CALL", "title": "Renew the passport"}}


def backfill(desk: Desk, rule: dict[str, Any], per_hour: int) -> dict[str, Any]:
    made = desk.admin.post(RULES, {"name": "renewal", "do": [CALL], **rule})
    assert made.status == 201, made.body
    answer = desk.admin.post(f"{RULES}/{made.body['id']}/backfill", {"per_hour": per_hour})
    assert answer.status == 202, answer.body
    job: dict[str, Any] = answer.body["job"]
    return job


def test_leads_with_a_near_date_get_a_task_from_a_new_rule(desk: Desk, processes: Processes):
    field = {"key": "passport_expiry", "label": "Passport", "type": "date"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    days = {"near": 90, "far": 400, "past": -1}
    leads = {
        name: desk.capture(custom={"passport_expiry": (now() + timedelta(days=n)).date().isoformat()})
        for name, n in days.items()
    }
    processes.start_worker("bulk,steps")
    rule = {"on": "date.reached", "before": {"time": "180 days", "of": "lead.custom.passport_expiry"}}
    job = backfill(desk, rule, per_hour=3600)
    wait_until(lambda: show(desk, job)["state"] == "done", 60, "the backfill")
    wait_until(lambda: desk.sql("SELECT FROM lead_tasks WHERE title = 'Renew the passport'"), 60, "the task")
    states = {name: [step["state"] for step in desk.steps(lead, name="renewal")] for name, lead in leads.items()}
    assert states == {"near": ["done"], "far": ["planned"], "past": []}
    [task] = desk.sql("SELECT lead_id FROM lead_tasks WHERE title = 'Renew the passport'")
    assert str(task.lead_id) == leads["near"]["id"]


def test_killed_worker_leaves_no_partial_batch_and_no_shared_turn(desk: Desk, processes: Processes):
    many_leads(desk, 3_000)
    worker = processes.start_worker("bulk")
    job = backfill(desk, {"on": "lead.created", "after": "1 day"}, per_hour=3600)
    wait_until(lambda: show(desk, job)["done"] > 0, 60, "the first chunk")
    worker.kill()
    wait_until(lambda: work_off(desk, job)["state"] == "done", 60, "the rest")
    assert counts(show(desk, job)) == (0, 3_000, 0, 0)
    [steps] = desk.sql(
        "SELECT count(*) AS n, count(DISTINCT lead_id) AS leads, count(DISTINCT due_at) AS turns,"
        " max(due_at) - min(due_at) AS length FROM steps WHERE name = 'renewal'"
    )
    assert (steps.n, steps.leads, steps.turns) == (3_000, 3_000, 3_000)
    # One a second; a chunk that came later, after the kill, begins when it came.
    assert steps.length >= timedelta(seconds=2_999)
    assert desk.sql("SELECT count(*) AS n FROM events WHERE facts ? 'backfill'")[0].n == 3_000
