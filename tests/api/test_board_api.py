"""Pipeline board in one call."""

from datetime import timedelta
from typing import Any

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

BOARD = "/api/pipeline/board"


def columns(desk: Desk, **query: Any) -> dict[str, Any]:
    answer = desk.front_desk.get(BOARD, **query)
    assert answer.status == 200, answer.body
    return {column["stage"]["slug"]: column for column in answer.body["columns"]}


def ids(column: dict[str, Any]) -> list[str]:
    return [card["id"] for card in column["cards"]]


def test_board_has_every_stage_in_order_with_newest_leads_first(desk: Desk):
    leads = [desk.capture(last_name=f"Number {n}") for n in range(4)]
    for lead in leads[:2]:
        desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"})
    found = columns(desk)

    assert [*found] == [stage["slug"] for stage in desk.admin.every("/api/pipeline-stages")]
    assert ids(found["new_lead"]) == [leads[3]["id"], leads[2]["id"]]
    assert ids(found["contacted"]) == [leads[1]["id"], leads[0]["id"]]
    assert {slug: column["count"] for slug, column in found.items() if column["count"]} == {
        "new_lead": 2,
        "contacted": 2,
    }
    assert (found["lost"]["cards"], found["lost"]["next_cursor"]) == ([], None)


def test_column_cursor_continues_in_the_stage_list(desk: Desk):
    leads = [desk.capture()["id"] for _ in range(5)]
    column = columns(desk, cards=2)["new_lead"]
    rest = desk.front_desk.get("/api/leads", stage="new_lead", cursor=column["next_cursor"])

    assert (column["count"], ids(column)) == (5, leads[:2:-1])
    assert [lead["id"] for lead in rest.body["items"]] == leads[2::-1]
    assert columns(desk, cards=5)["new_lead"]["next_cursor"] is None


def test_card_shows_next_task_and_warnings(desk: Desk):
    lead = desk.capture()
    due = [(now() + timedelta(days=days)).isoformat() for days in (3, 1, 2)]
    tasks = [desk.plan(lead, due_at=at) for at in due]
    desk.sql(
        "UPDATE leads SET stale_since = created_at, stage_overdue_since = created_at WHERE id = :id", id=lead["id"]
    )
    [card] = columns(desk)["new_lead"]["cards"]

    assert card["next_follow_up_at"] == tasks[1]["due_at"]
    assert card["next_follow_up_source"]["task_id"] == tasks[1]["id"]
    assert card["stale_since"] == card["stage_overdue_since"] == lead["created_at"]
    desk.admin.post(f"/api/leads/tasks/{tasks[1]['id']}/complete")
    assert columns(desk)["new_lead"]["cards"][0]["next_follow_up_at"] == tasks[2]["due_at"]


def test_board_accepts_the_filters_of_the_list(desk: Desk):
    mine, _ = desk.capture(assigned_to_id=desk.coordinator.id), desk.capture(assigned_to_id=desk.admin.id)
    found = desk.coordinator.get(BOARD, assigned_to_id="me").body["columns"][0]
    assert (found["count"], ids(found)) == (1, [mine["id"]])
    assert columns(desk, source_id=desk.source_id)["new_lead"]["count"] == 2
    assert desk.front_desk.get(BOARD, cards=51).pointers == ["/cards"]


def test_board_shows_nothing_of_another_clinic(desk: Desk, other_desk: Desk):
    desk.capture()
    assert {column["count"] for column in columns(other_desk).values()} == {0}
    assert desk.hire(Role.DOCTOR).get(BOARD).status == desk.hire(Role.DOCTOR).get("/api/leads").status
