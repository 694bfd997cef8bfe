"""`GET /api/operations`: the state of the engine."""

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def fail_first_step(desk: Desk) -> None:
    lead = desk.capture(phone="+12125550143")
    desk.sql(
        "UPDATE steps SET state = 'failed', kind = 'remind', finished_at = now() WHERE id ="
        " (SELECT id FROM steps WHERE lead_id = :lead ORDER BY due_at LIMIT 1)",
        lead=lead["id"],
    )


def test_overview_has_queues_steps_and_sweeps(desk: Desk):
    desk.sql(
        "INSERT INTO sweep_runs (name, started_at, finished_at, runs, result, error) VALUES"
        " ('mark_overdue', now(), now(), 3, '{}', NULL), ('workers', now(), NULL, 0, '{\"steps\": 2}', NULL)"
        " ON CONFLICT (name) DO UPDATE SET result = excluded.result, finished_at = excluded.finished_at,"
        " runs = excluded.runs, error = NULL"
    )
    fail_first_step(desk)
    shown = desk.admin.get("/api/operations").body
    assert (shown["status"], shown["is_broker_up"]) == ("ready", True)
    assert {queue["queue"]: queue["workers"] for queue in shown["queues"]}["steps"] == 2
    assert {"state": "failed", "kind": "remind", "count": 1} in shown["steps"]
    [sweep] = [one for one in shown["sweeps"] if one["name"] == "mark_overdue"]
    assert (sweep["runs"], sweep["has_failed"]) == (3, False)


def test_overview_counts_the_steps_of_the_own_clinic_only(desk: Desk, other_desk: Desk):
    fail_first_step(other_desk)
    assert desk.admin.get("/api/operations").body["steps"] == []
    counts = other_desk.admin.get("/api/operations").body["steps"]
    assert {"state": "failed", "kind": "remind", "count": 1} in counts


def test_retry_of_many_steps_is_counted_first(desk: Desk, other_desk: Desk):
    for one in (desk, desk, other_desk):
        fail_first_step(one)
    preview = desk.admin.post("/api/steps/retry", {"kind": "remind", "dry_run": True})
    assert preview.body == {"retried": 2, "left": 0, "dry_run": True}
    assert len(desk.admin.every("/api/steps")) == 2
    done = desk.admin.post("/api/steps/retry", {"kind": "remind"})
    assert done.body == {"retried": 2, "left": 0, "dry_run": False}
    assert desk.admin.every("/api/steps") == []
    assert len(other_desk.admin.every("/api/steps")) == 1


def test_overview_needs_the_permission_to_manage_the_automation(desk: Desk):
    assert desk.coordinator.get("/api/operations").status == 403
