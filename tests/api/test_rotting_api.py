"""Rotting leads: dates, reasons and scores."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.clock import now
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

LEADS = "/api/leads"
BOARD = "/api/pipeline/board"


def ids(desk: Desk, **query: Any) -> list[str]:
    """Return the ids of all pages of two leads."""
    return [lead["id"] for lead in desk.admin.every(LEADS, limit=2, **query)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def days(lead: dict[str, Any], since: str) -> float:
    """Return after how many days the lead rots."""
    return (at(lead["rots_at"]) - at(lead[since])) / timedelta(days=1)


def test_new_lead_rots_after_the_limit_of_its_stage(desk: Desk):
    lead = desk.capture()  # a clinic begins with 14 days without contact, and 3 in the first stage
    assert (days(lead, "created_at"), lead["rotting_reason"]) == (3, "IN_STAGE_TOO_LONG")
    assert (lead["rotting_score"], lead["is_rotting"]) == (0, False)
    assert desk.lead(lead) == lead


def test_earliest_limit_decides(desk: Desk):
    lead = desk.capture()
    moved = desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "consultation_scheduled"}).body
    assert (days(moved, "contacted_at"), moved["rotting_reason"]) == (14, "NO_CONTACT")


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "PHONE_CALL", "outcome": "spoke"},
        {"type": "EMAIL", "direction": "INBOUND"},
        {"type": "IN_PERSON"},
    ],
)
def test_contact_restarts_the_clock(desk: Desk, activity: dict[str, str]):
    lead = desk.capture()
    desk.admin.post(f"{LEADS}/{lead['id']}/stage", {"stage": "consultation_scheduled"})
    assert days(desk.lead(lead), "contacted_at") == 14
    desk.sql(
        "UPDATE leads SET contacted_at = contacted_at - interval '10 days', rots_at = rots_at - interval '10 days'"
    )
    entry = desk.admin.post(f"{LEADS}/{lead['id']}/activities", activity).body
    assert at(desk.lead(lead)["rots_at"]) == at(entry["occurred_at"]) + timedelta(days=14)


def test_other_activity_does_not_restart_the_clock(desk: Desk):
    lead = desk.capture(assigned_to_id=desk.coordinator.id)
    place = f"{LEADS}/{lead['id']}"
    desk.sql("UPDATE leads SET created_at = created_at - interval '10 days'")
    moved = desk.admin.post(f"{place}/stage", {"stage": "consultation_scheduled"}).body
    desk.admin.post(f"{place}/activities", {"type": "NOTE", "notes": "Shy."})
    desk.admin.post(f"{place}/activities", {"type": "PHONE_CALL", "outcome": "no_answer"})
    desk.admin.put(place, {"city": "Lyon"})
    desk.admin.post(f"{place}/assign", {"assigned_to_id": desk.admin.id})
    desk.admin.post(f"/api/followups/{desk.plan(lead)['id']}/complete")
    assert desk.lead(lead)["rots_at"] == moved["rots_at"]


def test_late_logged_contact_counts_from_its_own_time(desk: Desk):
    lead = desk.capture()
    place = f"{LEADS}/{lead['id']}"
    desk.sql("UPDATE leads SET created_at = created_at - interval '10 days'")
    desk.admin.post(f"{place}/stage", {"stage": "consultation_scheduled"})
    desk.sql("UPDATE leads SET contacted_at = NULL")  # of a move that told no contact
    then = (now() - timedelta(days=4)).isoformat()
    desk.admin.post(f"{place}/activities", {"type": "PHONE_CALL", "outcome": "spoke", "occurred_at": then})
    assert days(desk.lead(lead), "contacted_at") == 14


@pytest.mark.parametrize("end", ["lost", "convert"])
def test_closed_lead_does_not_rot(desk: Desk, end: str):
    lead = desk.capture()
    closed = desk.admin.post(f"{LEADS}/{lead['id']}/{end}", {"reason": "OTHER"} if end == "lost" else None).body
    shown = {name: closed[name] for name in ("rots_at", "rotting_reason", "rotting_score", "is_rotting")}
    assert shown == {"rots_at": None, "rotting_reason": None, "rotting_score": None, "is_rotting": False}
    assert ids(desk, rotting="true") == ids(desk, rotting="false") == ids(desk, sort="rots_at") == []


def test_reopened_lead_rots_again(desk: Desk):
    lead = desk.capture()
    desk.admin.post(f"{LEADS}/{lead['id']}/lost", {"reason": "OTHER"})
    reopened = desk.admin.post(f"{LEADS}/{lead['id']}/reopen", {"reason": "They called."}).body
    assert days(reopened, "stage_entered_at") == 3


def test_score_is_fifty_at_the_limit_and_a_hundred_at_twice_the_limit(desk: Desk):
    lead = desk.capture()
    scores = []
    for hours in (0, 35, 36, 71, 73, 108, 145, 1000):  # of the 72 that the stage allows
        desk.sql(
            "UPDATE leads SET stage_entered_at = :at, rots_at = CAST(:at AS timestamptz) + interval '3 days'",
            at=now() - timedelta(hours=hours),
        )
        shown = desk.lead(lead)
        scores.append((shown["rotting_score"], shown["is_rotting"]))
    assert scores == [
        (0, False), (24, False), (25, False), (49, False), (50, True), (75, True), (100, True), (100, True)
    ]  # fmt: skip


def test_leads_are_filtered_and_sorted_by_rotting_date(desk: Desk):
    old, older, fresh, closed = (desk.capture()["id"] for _ in range(4))
    for lead_id, ago in ((old, 1), (older, 2), (fresh, -1), (closed, 3)):
        desk.sql("UPDATE leads SET rots_at = :at WHERE id = :id", at=now() - timedelta(days=ago), id=lead_id)
    desk.admin.post(f"{LEADS}/{closed}/lost", {"reason": "OTHER"})
    assert ids(desk, rotting="true") == [older, old]  # the newest first
    assert ids(desk, rotting="false") == [fresh]
    assert ids(desk, sort="rots_at") == [older, old, fresh]
    assert ids(desk, sort="-rots_at", rotting="true") == [old, older]
    assert desk.admin.get(LEADS, rotting="maybe").pointers == ["/rotting"]


def test_queue_is_filtered_by_rotting_leads(desk: Desk):
    rotting, fresh, closed = (desk.capture() for _ in range(3))
    tasks = [desk.plan(lead)["id"] for lead in (rotting, fresh, closed)]
    desk.sql("UPDATE leads SET rots_at = now() WHERE id = :id", id=rotting["id"])
    desk.admin.post(f"{LEADS}/{closed['id']}/lost", {"reason": "OTHER"})

    def shown(wanted: str) -> list[str]:
        return [task["id"] for task in desk.admin.every("/api/followups", rotting=wanted, limit=1)]

    assert (shown("true"), shown("false")) == (tasks[:1], tasks[1:2])
    board = desk.admin.get("/api/followups/kanban", rotting="true").body["columns"]
    assert {column["status"]: column["count"] for column in board if column["count"]} == {"PENDING": 1}


def test_board_flags_rotting_leads_and_sums_values(desk: Desk, other_desk: Desk):
    leads = [desk.capture(lead_value=value) for value in ("1200.50", "800.00", None)]
    other_desk.capture(phone="600111222", lead_value="5.00")
    desk.sql("UPDATE leads SET stage_entered_at = now() - interval '4 days' WHERE id = :id", id=leads[0]["id"])
    desk.sql("UPDATE leads SET rots_at = now() - interval '1 day' WHERE id = :id", id=leads[0]["id"])
    columns = {column["stage"]["slug"]: column for column in desk.admin.get(BOARD).body["columns"]}

    first = columns["new_lead"]
    assert (first["count"], first["value"], columns["contacted"]["value"]) == (3, "2000.50", "0.00")
    assert [card["is_rotting"] for card in first["cards"]] == [False, False, True]
    marked = first["cards"][2]
    assert (marked["rotting_score"], marked["rotting_reason"], marked["lead_value"]) == (
        66,
        "IN_STAGE_TOO_LONG",
        "1200.50",
    )
    assert desk.admin.get(BOARD, assigned_to_id=desk.coordinator.id).body["columns"][0]["value"] == "0.00"
