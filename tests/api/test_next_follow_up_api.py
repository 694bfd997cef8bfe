"""Next follow-up of a lead: field, sort order and filter."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Desk
from workers import runner

pytest_plugins = ["tests.support.desk"]

LEADS = "/api/leads"


def soon(**by: float) -> str:
    return (now() + timedelta(**by)).isoformat()


def ids(desk: Desk, **query: Any) -> list[str]:
    """Return the ids of all pages of two leads."""
    return [lead["id"] for lead in desk.admin.every(LEADS, limit=2, **query)]


def cancel_steps(desk: Desk) -> None:
    """Cancel the steps that the clinic's rules planned."""
    desk.sql("UPDATE steps SET state = 'cancelled'")


def test_lead_shows_its_first_open_task_in_every_response(desk: Desk):
    lead = desk.capture(last_name="Zanzibar")
    later, first = (desk.plan(lead, due_at=soon(days=days)) for days in (3, 1))
    done = desk.plan(lead, due_at=soon(hours=1))
    desk.admin.post(f"/api/followups/{done['id']}/complete")
    source = {"task_id": first["id"], "made_by": "user", "rule": None, "user_id": desk.admin.id}

    column = desk.admin.get("/api/pipeline/board").body["columns"][0]
    changed = desk.admin.put(f"{LEADS}/{lead['id']}", {"city": "Lyon"}).body
    for shown in (desk.lead(lead), *desk.admin.every(LEADS), *column["cards"], changed):
        assert (shown["next_follow_up_at"], shown["next_follow_up_source"]) == (first["due_at"], source)
    desk.admin.post(f"/api/followups/{first['id']}/cancel")
    assert desk.lead(lead)["next_follow_up_source"]["task_id"] == later["id"]
    desk.admin.post(f"/api/followups/{later['id']}/cancel")
    assert (desk.lead(lead)["next_follow_up_at"], desk.lead(lead)["next_follow_up_source"]) == (None, None)


def test_overdue_task_is_still_the_next_follow_up(desk: Desk):
    lead = desk.capture()
    desk.plan(lead, due_at=soon(days=1))
    late = desk.plan(lead, due_at=soon(days=2))
    desk.sql(
        "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '1 day' WHERE id = :id", id=late["id"]
    )
    assert desk.lead(lead)["next_follow_up_source"]["task_id"] == late["id"]
    assert ids(desk, sort="next_follow_up_at") == ids(desk, next_follow_up_to=soon()) == [lead["id"]]


def test_next_follow_up_names_its_origin(desk: Desk):
    template = {"name": "Ask", "title": "Ask them", "type": "CALL", "due_in": "1 day", "stage": "contacted"}
    assert desk.admin.post("/api/task-templates", template).status == 201
    by_rule, moved = desk.capture(), desk.capture()
    clear_of_rules = "UPDATE steps SET state = 'cancelled' WHERE lead_id = :id"
    desk.sql(clear_of_rules, id=moved["id"])
    desk.admin.post(f"{LEADS}/{moved['id']}/stage", {"stage": "contacted"})
    desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'create_task' AND state <> 'cancelled'")
    while runner.run(Kind.CREATE_TASK, []):
        pass
    by_program = desk.capture()
    cancel_steps(desk)
    robot = desk.program("lead:read", "lead:update")
    task = {"title": "Call", "type": "CALL", "due_at": soon(days=1), "assigned_to_id": desk.admin.id}
    assert robot.post(f"{LEADS}/{by_program['id']}/tasks", task).status == 201

    sources = [desk.lead(lead)["next_follow_up_source"] for lead in (by_rule, moved, by_program)]
    assert [(source["made_by"], source["rule"], source["user_id"]) for source in sources] == [
        ("automation", "speed-to-lead", None),
        ("template", None, None),
        ("program", None, None),
    ]
    desk.sql("DELETE FROM steps")  # as the retention does in the end
    assert desk.lead(by_rule)["next_follow_up_source"] == {**sources[0], "rule": None}


def test_leads_are_sorted_by_it_in_pages(desk: Desk):
    third, first, second, none = (desk.capture() for _ in range(4))
    for lead, days in ((third, 3), (first, 1), (second, 2)):
        desk.plan(lead, due_at=soon(days=days))
    desk.plan(first, due_at=soon(days=9))  # not the next follow-up
    order = [lead["id"] for lead in (first, second, third)]
    assert ids(desk, sort="next_follow_up_at") == order
    assert ids(desk, sort="-next_follow_up_at") == order[::-1]
    assert none["id"] in ids(desk)
    counted = desk.admin.get(LEADS, sort="next_follow_up_at", limit=1, prefer="return=total-count")
    assert counted.body["total_count"] == 3


def test_order_is_the_same_among_many_leads(desk: Desk):
    """Many leads use another query plan."""
    leads = [desk.capture(tags=["vip"]) for _ in range(5)]
    for number, lead in enumerate(leads):
        desk.plan(lead, due_at=soon(days=9 - number))
    desk.plan(leads[0], due_at=soon(days=20))
    order = [lead["id"] for lead in leads[::-1]]
    idle = desk.capture(assigned_to_id=desk.coordinator.id)
    desk.multiply(idle, 1100)
    desk.admin.post(f"{LEADS}/{leads[1]['id']}/lost", {"reason": "OTHER"})
    del order[3]
    assert ids(desk, sort="next_follow_up_at") == order
    assert ids(desk, sort="-next_follow_up_at", stage="new_lead") == order[::-1]
    assert ids(desk, sort="next_follow_up_at", next_follow_up_from=soon(days=6)) == order[2:]
    assert ids(desk, sort="next_follow_up_at", status="CONVERTED") == []
    assert desk.admin.get(LEADS, sort="next_follow_up_at", prefer="return=total-count").body["total_count"] == 4
    assert desk.coordinator.get(LEADS, sort="next_follow_up_at", assigned_to_id="me").body["items"] == []


def test_leads_with_the_same_due_time_are_all_listed(desk: Desk):
    due_at = soon(days=1)
    leads = {desk.capture()["id"] for _ in range(5)}
    for lead_id in leads:
        desk.plan({"id": lead_id}, due_at=due_at)
    assert {*ids(desk, sort="next_follow_up_at")} == leads
    assert len(ids(desk, sort="-next_follow_up_at")) == len(leads)


def test_leads_are_filtered_by_it_in_any_order(desk: Desk, other_desk: Desk):
    soon_due, due_late, _ = (desk.capture() for _ in range(3))
    desk.plan(soon_due, due_at=soon(days=1))
    desk.plan(soon_due, due_at=soon(days=8))
    desk.plan(due_late, due_at=soon(days=7))
    other_desk.plan(other_desk.capture(phone="600111222"), due_at=soon(days=1))
    for sort in ("-created_at", "next_follow_up_at"):
        assert ids(desk, sort=sort, next_follow_up_from=soon(days=2)) == [due_late["id"]]
        assert ids(desk, sort=sort, next_follow_up_to=soon(days=2)) == [soon_due["id"]]
        span = {"next_follow_up_from": soon(hours=1), "next_follow_up_to": soon(days=9)}
        assert {*ids(desk, sort=sort, **span)} == {soon_due["id"], due_late["id"]}
        assert ids(desk, sort=sort, stage="contacted", **span) == []


def test_filter_works_with_many_due_tasks(desk: Desk):
    soon_due, due_late, busy = (desk.capture() for _ in range(3))
    desk.plan(soon_due, due_at=soon(days=1))
    desk.plan(due_late, due_at=soon(days=7))
    task = desk.plan(busy, due_at=soon(days=3))["id"]
    desk.sql(
        "INSERT INTO lead_tasks (id, clinic_id, lead_id, title, type, priority, assigned_to_id, due_at, status,"
        " created_at, updated_at, version) SELECT gen_random_uuid(), clinic_id, lead_id, title, type, priority,"
        " assigned_to_id, due_at + n * interval '1 second', status, created_at, updated_at, 1"
        " FROM lead_tasks, generate_series(1, 2000) AS n WHERE id = :id",
        id=task,
    )
    for sort in ("created_at", "next_follow_up_at"):
        assert ids(desk, sort=sort, next_follow_up_to=soon(days=2)) == [soon_due["id"]]
        assert {*ids(desk, sort=sort, next_follow_up_to=soon(days=5))} == {soon_due["id"], busy["id"]}
        assert {*ids(desk, sort=sort, next_follow_up_from=soon(days=2))} == {due_late["id"], busy["id"]}
        assert ids(desk, sort=sort, next_follow_up_from=soon(days=4)) == [due_late["id"]]


def test_filter_combines_with_every_other_filter(desk: Desk):
    lead = desk.capture(tags=["vip"], lead_value="10.00", assigned_to_id=desk.admin.id)
    desk.capture(assigned_to_id=desk.coordinator.id)
    desk.plan(lead, due_at=soon(days=1))
    for query in (
        {"status": "NEW"},
        {"stage": "new_lead"},
        {"source_id": desk.source_id},
        {"assigned_to_id": desk.admin.id},
        {"created_from": soon(days=-1), "created_to": soon(days=1)},
        {"tag": "vip"},
        {"channel": "MANUAL"},
        {"value_from": "5.00", "value_to": "15.00"},
        {"rotting": "false"},
    ):
        for sort in ("next_follow_up_at", "-next_follow_up_at", "rots_at", "-created_at"):
            found = ids(desk, sort=sort, next_follow_up_to=soon(days=2), **query)
            assert found == [lead["id"]], (sort, query)


def test_caller_with_scope_assigned_gets_own_leads_only(desk: Desk):
    sam = desk.hire(Role.SALES)
    mine, other = desk.capture(assigned_to_id=sam.id), desk.capture(assigned_to_id=desk.admin.id)
    for lead in (mine, other):
        desk.plan(lead)
    for query in ({"sort": "next_follow_up_at"}, {"next_follow_up_from": soon()}):
        assert [lead["id"] for lead in sam.every(LEADS, **query)] == [mine["id"]]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"next_follow_up_from": "tomorrow"}, "/next_follow_up_from"),
        ({"next_follow_up_to": "2026-01-01T00:00:00"}, "/next_follow_up_to"),
        ({"sort": "next_follow_up"}, "/sort"),
    ],
)
def test_invalid_time_is_refused(desk: Desk, query: dict[str, str], place: str):
    assert desk.admin.get(LEADS, **query).pointers == [place]


def test_cursor_is_valid_for_its_order_only(desk: Desk):
    for _ in range(2):
        desk.plan(desk.capture())
    cursor = desk.admin.get(LEADS, sort="next_follow_up_at", limit=1).body["next_cursor"]
    assert desk.admin.get(LEADS, cursor=cursor).pointers == ["/cursor"]


def test_next_follow_up_can_be_a_selected_field(desk: Desk):
    lead = desk.capture()
    due_at = desk.plan(lead)["due_at"]
    assert desk.admin.get(LEADS, fields="id,next_follow_up_at").body["items"] == [
        {"id": lead["id"], "next_follow_up_at": due_at}
    ]
    assert desk.admin.get(LEADS, fields="id").body["items"] == [{"id": lead["id"]}]
