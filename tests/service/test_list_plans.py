"""Every list finds its page by an index, read from the plans of the very statements the API sends."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.clock import now
from app.core.db import transaction
from app.core.row_security import restrict_to_clinic
from tests.support.desk import Desk

# Twenty thousand leads, one in twenty of them ours, each with five tasks and five activities.
CROWD = """
    INSERT INTO leads (id, clinic_id, status, pipeline_stage, stage_entered_at, patient_first_name, patient_last_name,
        patient_relationship, first_name, last_name, preferred_contact, source_id, treatment_interest,
        assigned_to_id, failed_attempts, last_activity_at, created_at, updated_at, version)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8' ||
            substr(md5(i::text), 1, 15))::uuid,
        CASE WHEN i % 20 = 0 THEN :ours ELSE :theirs END::uuid,
        (ARRAY['NEW', 'ACTIVE', 'ACTIVE', 'CONVERTED'])[1 + i / 20 % 4],
        (ARRAY['new_lead', 'contacted', 'pending_decision', 'treatment_started'])[1 + i / 20 % 4],
        at, 'A', 'B', 'SELF', 'A', 'B', 'PHONE',
        CASE WHEN i % 20 = 0 THEN :our_source ELSE :their_source END::uuid, '{}',
        CASE WHEN i % 20 = 0 THEN :our_user ELSE :their_user END::uuid, 0, at, at, at, 1
    FROM (SELECT i, now() - i * interval '1 minute' AS at FROM generate_series(1, 20000) AS i) AS moments
"""
TASKS = """
    INSERT INTO lead_tasks (id, clinic_id, lead_id, title, type, priority, assigned_to_id, due_at, status,
        created_at, updated_at, version)
    SELECT gen_random_uuid(), clinic_id, id, 'Call', 'CALL', 'NORMAL', assigned_to_id,
        created_at + k * interval '1 day',
        (ARRAY['PENDING', 'OVERDUE', 'COMPLETED', 'COMPLETED', 'CANCELLED'])[k], created_at, created_at, 1
    FROM leads, generate_series(1, 5) AS k
"""
ACTIVITIES = """
    INSERT INTO lead_activities (id, clinic_id, lead_id, type, occurred_at, created_at)
    SELECT gen_random_uuid(), clinic_id, id, 'NOTE', created_at + k * interval '1 hour', created_at
    FROM leads, generate_series(1, 5) AS k
"""


@pytest.fixture
def crowded_desk(desk: Desk, other_desk: Desk) -> Desk:
    desk.sql(
        CROWD,
        ours=str(desk.clinic_id),
        theirs=str(other_desk.clinic_id),
        our_source=desk.source_id,
        their_source=other_desk.source_id,
        our_user=desk.coordinator.id,
        their_user=other_desk.coordinator.id,
    )
    desk.sql(TASKS)
    desk.sql(ACTIVITIES)
    return desk


def test_every_list_finds_its_page_by_an_index(crowded_desk: Desk, postgres: Any):
    desk = crowded_desk
    with postgres.connect("relance") as owner:
        owner.execute("ANALYZE leads, lead_tasks, lead_activities")
    [(lead_id,)] = desk.sql("SELECT id FROM leads WHERE clinic_id = :id LIMIT 1", id=desk.clinic_id)
    lists: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("", {"status": "NEW"}),
        ("", {"stage": "contacted"}),
        ("", {"source_id": desk.source_id}),
        ("", {"assigned_to_id": "me"}),
        ("", {"created_to": now().isoformat()}),
        (f"/{lead_id}/tasks", {}),
        (f"/{lead_id}/activities", {}),
        ("/tasks/my-tasks", {}),
        ("/tasks/my-tasks", {"due_before": now().isoformat()}),
        ("/tasks/overdue", {}),
        ("/tasks/overdue", {"assigned_to_id": "me"}),
    ]
    plans = {f"{path} {query}": _plan(desk, f"/api/leads{path}", query) for path, query in lists}
    scanned = {name: plan for name, plan in plans.items() if "Index" not in plan or "Seq Scan on lead" in plan}
    assert scanned == {}


def _plan(desk: Desk, path: str, query: dict[str, str]) -> str:
    """The plan of the last statement of the second page, where there is one."""
    sent: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:
        sent.append((call[2], call[3]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        first = desk.coordinator.get(path, limit=20, **query)
        assert first.status == 200, first.body
        if cursor := first.body["next_cursor"]:
            desk.coordinator.get(path, limit=20, cursor=cursor, **query)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    statement, values = sent[-1]
    with transaction() as session:
        restrict_to_clinic(session, desk.clinic_id)
        driver: Any = session.connection().connection.driver_connection
        return "\n".join(row[0] for row in driver.execute(f"EXPLAIN {statement}", values))
