"""Other words for a field or a value, as the table of the API page lists them."""

import re
from datetime import timedelta
from typing import Any

import pytest

from app.clock import now
from app.http.openapi.openapi import DESCRIPTION
from app.http.schemas.schema import Aliases
from tests.support.desk import Answer, Desk, the_app

pytest_plugins = ["tests.support.desk"]

LATER = (now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
TASK = {"title": "Call", "due_at": LATER}


def subclasses(kind: type[Any]) -> set[type[Any]]:
    return {one for child in kind.__subclasses__() for one in (child, *subclasses(child))}


def test_table_lists_every_accepted_word():
    the_app()  # loads all schemas
    accepted = {word for schema in subclasses(Aliases) for pair in schema.aliases.items() for word in pair}
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|", DESCRIPTION, re.MULTILINE)
    listed = {word for row in rows for cell in row for word in re.findall(r"`(\w+)`", cell)}
    assert accepted - listed == set()
    assert listed - accepted == {"CALL", "PHONE_CALL", "no_answer", "NO_ANSWER"}


@pytest.mark.parametrize("word", ["notes", "completion_notes"])
@pytest.mark.parametrize("path", ["/api/followups/{}/complete", "/api/lead-activities/{}/complete"])
def test_notes_of_a_completed_task(desk: Desk, word: str, path: str):
    task = desk.plan(desk.capture())
    send = desk.admin.patch if "lead-activities" in path else desk.admin.post
    assert send(path.format(task["id"]), {word: "Well said"}).status == 200
    assert desk.admin.get(f"/api/followups/{task['id']}").body["completion_notes"] == "Well said"


@pytest.mark.parametrize("word", ["filter", "filters"])
def test_leads_of_a_bulk_call(desk: Desk, word: str):
    desk.capture()
    body = {word: {"pipeline_stage": "new_lead"}, "followup": {"type": "PHONE_CALL", **TASK}}
    answer = desk.admin.post("/api/followups/bulk", body)
    assert answer.status in {202, 207}, answer.body


@pytest.mark.parametrize("word", ["filter", "filters"])
def test_query_of_a_saved_view(desk: Desk, word: str):
    made = desk.admin.post("/api/followups/views", {"name": "Late", word: {"type": "CALL"}})
    assert (made.status, made.body["filters"]) == (201, {"type": "CALL"})


@pytest.mark.parametrize("stage", ["stage", "pipeline_stage"])
@pytest.mark.parametrize("reason", ["reason", "lost_reason"])
def test_stage_and_reason_of_a_loss(desk: Desk, stage: str, reason: str):
    moved, lost = desk.capture(), desk.capture()
    answers: list[Answer] = [
        desk.admin.post(f"/api/leads/{moved['id']}/stage", {stage: "lost", reason: "OTHER"}),
        desk.admin.post(f"/api/leads/{lost['id']}/lost", {reason: "OTHER"}),
    ]
    assert [(one.body["pipeline_stage"], one.body["lost_reason"]) for one in answers] == [("lost", "OTHER")] * 2
    assert {one["id"] for one in desk.admin.every("/api/leads", **{stage: "lost"})} == {moved["id"], lost["id"]}
    again = desk.admin.post(f"/api/leads/{lost['id']}/reopen", {"reason": "Wrong", stage: "contacted"})
    assert (again.status, again.body["pipeline_stage"]) == (200, "contacted")


def test_both_words_at_once_are_refused(desk: Desk):
    body = {"reason": "OTHER", "lost_reason": "OTHER"}
    assert desk.admin.post(f"/api/leads/{desk.capture()['id']}/lost", body).pointers == ["/lost_reason"]


@pytest.mark.parametrize("words", [("from", "to"), ("due_from", "due_to")])
def test_days_of_the_calendar(desk: Desk, words: tuple[str, str]):
    query = dict(zip(words, ("2026-03-09", "2026-03-10"), strict=True))
    days = desk.admin.get("/api/followups/calendar", **query).body["days"]
    assert [day["date"] for day in days] == ["2026-03-09", "2026-03-10"]


@pytest.mark.parametrize("words", [("from", "to"), ("since", "until")])
@pytest.mark.parametrize("path", ["/api/audit", "/api/automation/lateness"])
def test_period_of_a_report(desk: Desk, words: tuple[str, str], path: str):
    desk.capture()
    begin, end = ((now() - timedelta(hours=hours)).isoformat().replace("+00:00", "Z") for hours in (3, 2))
    assert desk.admin.get(path, **dict(zip(words, (begin, end), strict=True))).status == 200
    assert desk.admin.get(path, **dict(zip(words, (end, begin), strict=True))).status == 422


@pytest.mark.parametrize("word", ["CALL", "PHONE_CALL"])
@pytest.mark.parametrize("outcome", ["no_answer", "NO_ANSWER"])
def test_calls_and_outcomes(desk: Desk, word: str, outcome: str):
    lead = desk.capture()
    task = desk.admin.post("/api/followups", {"lead_id": lead["id"], "type": word, **TASK}).body
    call = desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": word, "outcome": outcome}).body
    assert (task["type"], call["type"], call["outcome"]) == ("CALL", "PHONE_CALL", "no_answer")
    assert [one["id"] for one in desk.admin.every("/api/followups", type=word, lead_id=lead["id"])] == [task["id"]]
