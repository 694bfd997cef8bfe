"""`GET /api/operations`: the state of the engine."""

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def test_overview_has_queues_steps_and_sweeps(desk: Desk):
    desk.sql(
        "INSERT INTO sweep_runs (name, started_at, finished_at, runs, result, error) VALUES"
        " ('mark_overdue', now(), now(), 3, '{}', NULL), ('workers', now(), NULL, 0, '{\"steps\": 2}', NULL),"
        " ('census', now(), NULL, 0,"
        ' \'{"steps": [{"state": "failed", "kind": "remind", "n": 7, "oldest": null}]}\', NULL)'
        " ON CONFLICT (name) DO UPDATE SET result = excluded.result, finished_at = excluded.finished_at,"
        " runs = excluded.runs, error = NULL"
    )
    shown = desk.admin.get("/api/operations").body
    assert (shown["status"], shown["is_broker_up"]) == ("ready", True)
    assert {queue["queue"]: queue["workers"] for queue in shown["queues"]}["steps"] == 2
    assert {"state": "failed", "kind": "remind", "count": 7} in shown["steps"]
    [sweep] = [one for one in shown["sweeps"] if one["name"] == "mark_overdue"]
    assert (sweep["runs"], sweep["has_failed"]) == (3, False)


def test_overview_needs_the_permission_to_manage_the_automation(desk: Desk):
    assert desk.coordinator.get("/api/operations").status == 403
