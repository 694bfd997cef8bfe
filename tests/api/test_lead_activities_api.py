"""Lead activities at the paths of the SimplePro table: tasks and timeline entries as one list."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.core.db import first_id_at
from app.leads.timeline.models import Outcome
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/lead-activities"
COPY_TASK = """
INSERT INTO lead_tasks (
    id, clinic_id, lead_id, assigned_to_id, title, type, priority, status, due_at, completed_at, created_at, updated_at,
    version
)
SELECT gen_random_uuid(), clinic_id, lead_id, assigned_to_id, title, 'CALL', priority, :status,
    date_trunc('day', now()) - interval '2 days', now(), created_at, updated_at, 1
FROM lead_tasks, generate_series(1, 1300) WHERE id = :id
"""


def soon(**ahead: float) -> str:
    return (now() + timedelta(**ahead)).isoformat().replace("+00:00", "Z")


def post(desk: Desk, lead: dict[str, Any], **more: Any) -> Answer:
    new = {"opportunity_id": lead["id"], "activity_type": "call", "subject": "Call them", **more}
    return desk.front_desk.post(PATH, new)


def patch(who: Caller, id_: str, **body: Any) -> Answer:
    return who._send("PATCH", f"{PATH}/{id_}/complete", json=body)


def delete(who: Caller, id_: str) -> Answer:
    return who._send("DELETE", f"{PATH}/{id_}")


def ids(who: Caller, path: str = "", **query: Any) -> list[str]:
    return [item["id"] for item in who.every(f"{PATH}{path}", **query)]


def test_activity_with_a_due_date_is_a_task(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    made = post(desk, lead, due_date=soon(days=2), description="About the price", priority="HIGH")
    task = desk.admin.get(f"/api/followups/{made.body['id']}").body
    assert (made.status, made.body["kind"], made.body["status"]) == (201, "task", "pending")
    assert (task["title"], task["type"], task["priority"]) == ("Call them", "CALL", "HIGH")
    assert (made.body["assigned_to"], made.body["due_date"]) == (desk.coordinator.id, task["due_at"])
    assert desk.doctor.get(f"{PATH}/{task['id']}").body == made.body


def test_activity_without_a_due_date_is_a_timeline_entry(desk: Desk):
    lead = desk.capture()
    made = post(desk, lead, outcome="callback_requested", description="After five").body
    [entry, _] = desk.timeline(lead)  # and the move to the stage Contacted
    assert (made["id"], made["kind"], made["status"]) == (entry["id"], "entry", "completed")
    assert (entry["type"], entry["outcome"], entry["notes"]) == (
        "PHONE_CALL",
        "callback_requested",
        "Call them\nAfter five",
    )
    assert (made["subject"], made["description"], made["outcome"]) == ("Call them", "After five", "callback_requested")
    assert made["completed_date"] == entry["occurred_at"]
    assert desk.lead(lead)["contacted_at"] is not None
    assert desk.doctor.get(f"{PATH}/{entry['id']}").body == made


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, ["/outcome"]),  # a call that happened
        ({"due_date": "2031-01-01T09:00:00Z", "outcome": "spoke"}, ["/outcome"]),
        ({"activity_type": "note", "outcome": "spoke"}, ["/outcome"]),
        ({"activity_type": "email", "outcome": "wrong_number"}, ["/outcome"]),
        ({"outcome": "spoke", "assigned_to": str(uuid4()), "priority": "LOW"}, ["/assigned_to", "/priority"]),
        ({"due_date": "2031-01-01T09:00:00Z", "assigned_to": str(uuid4())}, ["/assigned_to"]),
        ({"activity_type": "status_change"}, ["/activity_type"]),
        ({"activity_type": "follow_up"}, ["/due_date"]),
        ({"activity_type": "quote_sent", "due_date": "2031-01-01T09:00:00Z"}, ["/activity_type"]),
        ({"due_date": "2031-01-01T09:00:00Z", "scheduled_date": "2031-01-02T09:00:00Z"}, ["/scheduled_date"]),
        ({"opportunity_id": str(uuid4()), "outcome": "spoke"}, ["/opportunity_id"]),
    ],
)
def test_validation_error_names_the_path(desk: Desk, given: dict[str, Any], places: list[str]):
    assert post(desk, desk.capture(), **given).pointers == places


@pytest.mark.parametrize("outcome", sorted(Outcome))
def test_logged_activity_is_kept_as_given(desk: Desk, outcome: str):
    given = {"activity_type": "call", "subject": "Talked", "description": "About\nthe price", "outcome": outcome}
    made = post(desk, desk.capture(), **given).body
    assert {name: made[name] for name in given} == given


def test_planned_and_past_activities_are_one_list_newest_first(desk: Desk, other_desk: Desk):
    lead, other = desk.capture(), desk.capture()
    desk.sql("UPDATE leads SET pipeline_stage = 'contacted'")  # or the meeting would add a change of the stage
    made = [
        post(desk, lead, due_date=soon(days=2)).body["id"],
        post(desk, lead, activity_type="note", subject="x").body["id"],
        post(desk, other, activity_type="email", scheduled_date=soon(days=1)).body["id"],
        post(desk, other, activity_type="meeting", outcome="successful").body["id"],
    ]
    theirs = other_desk.capture(phone="600111222")
    post(other_desk, theirs, due_date=soon(days=1))
    assert ids(desk.doctor, limit=1) == ids(desk.doctor, limit=3) == made[::-1]
    assert ids(desk.doctor, opportunity_id=lead["id"]) == made[1::-1]
    assert ids(desk.doctor, f"/opportunity/{lead['id']}", limit=1) == made[1::-1]
    assert ids(desk.doctor, activity_type="note,email") == [made[2], made[1]]
    assert ids(desk.doctor, activity_type="status_change") == []
    assert ids(desk.doctor, status="pending") == [made[2], made[0]]
    assert ids(desk.doctor, status="completed") == [made[3], made[1]]
    assert ids(desk.front_desk, assigned_to="me", status="completed") == [made[3], made[1]]
    assert desk.doctor.get(PATH, prefer="return=total-count", limit=1).body["total_count"] == 4


def test_planned_activities_are_ordered_by_due_time_and_overdue_ones_listed_apart(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    later, late, sooner = (post(desk, lead, due_date=soon(days=days)).body["id"] for days in (3, 1, 2))
    post(desk, lead, activity_type="note", subject="x")
    overdue = "UPDATE lead_tasks SET status = 'OVERDUE', due_at = now() - interval '1 hour' WHERE id = :id"
    desk.sql(overdue, id=late)
    assert ids(desk.doctor, "/pending", limit=2) == [late, sooner, later]
    assert ids(desk.doctor, "/overdue") == ids(desk.coordinator, "/overdue", assigned_to="me") == [late]
    assert ids(desk.admin, "/pending", assigned_to="me") == []


def test_activities_of_a_patient_are_those_of_the_converted_lead(desk: Desk):
    lead, patient = desk.capture(), str(uuid4())
    task = post(desk, lead, due_date=soon(days=1)).body["id"]
    desk.admin.post(f"/api/leads/{lead['id']}/convert", {"converted_to_patient_id": patient})
    post(desk, desk.capture(), due_date=soon(days=1))
    found = desk.doctor.every(f"{PATH}/customer/{patient}")
    assert {item["customer_id"] for item in found} == {patient}
    assert [item["status"] for item in found if item["id"] == task] == ["cancelled"]
    assert desk.doctor.get(f"{PATH}/customer/{uuid4()}").status == 404


def test_timeline_is_ordered_by_time_of_occurrence(desk: Desk):
    lead = desk.capture()
    first = post(desk, lead, activity_type="note", subject="x").body["id"]
    second = post(desk, lead, outcome="no_answer").body["id"]
    assert ids(desk.doctor, f"/timeline/{lead['id']}", limit=1) == [first, second]


def test_planned_activity_is_completed_once_and_past_ones_cannot_be(desk: Desk):
    lead = desk.capture()
    task = post(desk, lead, due_date=soon(days=30), description="About the price").body["id"]
    entry = post(desk, lead, outcome="no_answer").body["id"]
    done = patch(desk.front_desk, task, outcome="callback_requested", notes="After five").body
    assert (done["status"], done["outcome"]) == ("completed", "callback_requested")
    assert (done["description"], done["completion_notes"]) == ("About the price", "After five")
    assert patch(desk.front_desk, task).body["code"] == "task-is-closed"
    assert patch(desk.front_desk, entry).body["code"] == "has-happened"
    assert patch(desk.front_desk, str(uuid4())).status == 404


def test_only_admins_delete_and_only_planned_activities(desk: Desk):
    lead = desk.capture()
    task = post(desk, lead, due_date=soon(days=30)).body["id"]
    entry = post(desk, lead, outcome="no_answer").body["id"]
    assert delete(desk.coordinator, task).status == 403
    assert (delete(desk.admin, task).status, desk.admin.get(f"{PATH}/{task}").status) == (204, 404)
    assert delete(desk.admin, entry).body["code"] == "history-stays"
    assert task not in ids(desk.admin)


def test_statistics_count_outcomes(desk: Desk):
    lead = desk.capture()
    for outcome in ("successful", "successful", "no_answer", None):
        patch(desk.front_desk, post(desk, lead, due_date=soon(days=1)).body["id"], outcome=outcome)
    post(desk, lead, activity_type="email", due_date=soon(days=1))
    found = desk.doctor.get(f"{PATH}/statistics").body
    assert (found["by_type"], found["by_outcome"]) == ({"call": 4}, {"successful": 2, "no_answer": 1})
    assert (found["pending"], found["overdue"]) == (1, 0)
    assert desk.doctor.get(f"{PATH}/statistics", assigned_to=str(uuid4())).body["pending"] == 0


def test_statistics_count_logged_calls_of_the_last_month_once(desk: Desk):
    lead = desk.capture()
    first = post(desk, lead, outcome="no_answer").body["id"]
    post(desk, lead, outcome="spoke")
    done = desk.plan(lead, type="CALL")
    desk.admin.post(f"/api/followups/{done['id']}/complete", {"activity": {"type": "PHONE_CALL", "outcome": "spoke"}})
    desk.sql("UPDATE lead_activities SET created_by = NULL WHERE type = 'ASSIGNMENT_CHANGE'")
    found = desk.doctor.get(f"{PATH}/statistics").body
    assert (found["by_type"], found["by_outcome"]) == ({"call": 3}, {"no_answer": 1, "spoke": 2})
    old = first_id_at(now() - timedelta(days=31))
    desk.sql("UPDATE lead_activities SET id = :old WHERE id = :id", old=old, id=first)
    assert desk.doctor.get(f"{PATH}/statistics").body["by_type"] == {"call": 2}


def test_statistics_and_dashboard_count_further_than_a_thousand(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead)
    for status in ("OVERDUE", "PENDING", "COMPLETED"):
        desk.sql(COPY_TASK, status=status, id=task["id"])
    found, dashboard = desk.doctor.get(f"{PATH}/statistics").body, desk.doctor.get("/api/followups/dashboard").body
    assert (found["overdue"], found["pending"], found["by_type"]) == (1300, 1301, {"call": 1300})
    assert (dashboard["overdue"], dashboard["completion_rate"]) == (1300, pytest.approx(1300 / 3900))


def test_lead_of_another_clinic_is_unknown(desk: Desk, other_desk: Desk):
    theirs = other_desk.capture(phone="600111222")
    answers = [post(desk, lead, outcome="spoke") for lead in (theirs, {"id": str(uuid4())})]
    assert answers[0].body["errors"] == answers[1].body["errors"]


def test_activities_are_filtered_by_outcome_date_and_customer(desk: Desk):
    lead, other, third = desk.capture(), desk.capture(), desk.capture()
    desk.sql("UPDATE leads SET pipeline_stage = 'contacted'")  # or the call would add a change of the stage
    early, late = (post(desk, one, due_date=soon(days=days)).body["id"] for one, days in ((lead, 1), (other, 9)))
    spoke = post(desk, third, outcome="spoke").body["id"]
    assert ids(desk.doctor, outcome="spoke,no_answer") == [spoke]
    assert ids(desk.doctor, date_from=soon(hours=1), date_to=soon(days=2)) == [early]
    assert ids(desk.doctor, date_from=soon(days=8)) == [late]
    assert ids(desk.doctor, date_to=soon(hours=1)) == [spoke]
    customer = str(uuid4())
    assert desk.admin.post(f"/api/leads/{lead['id']}/convert", {"converted_to_patient_id": customer}).status == 200
    assert early in ids(desk.doctor, customer_id=customer)
    assert {late, spoke}.isdisjoint(ids(desk.doctor, customer_id=customer))
    assert ids(desk.doctor, customer_id=customer, opportunity_id=other["id"]) == []
    assert ids(desk.doctor, customer_id=str(uuid4())) == []
