"""Mentions of colleagues in notes: a notice for each, and only for those who may see the lead."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


def note(caller: Caller, lead: dict[str, Any], **fields: Any) -> Any:
    return caller.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", **fields})


def notices(desk: Desk) -> list[tuple[str, str]]:
    found = desk.sql("SELECT user_id, channel, subject FROM notifications WHERE template = 'mention' ORDER BY channel")
    return [(str(row.user_id), row.channel) for row in found]


def test_mentioned_colleague_gets_a_notice_without_the_note(desk: Desk) -> None:
    lead = desk.capture()
    answer = note(desk.coordinator, lead, notes="Allergic to latex. Please call.", mentions=[desk.admin.id])

    assert answer.status == 201
    assert "mentions" not in answer.body
    assert notices(desk) == [(desk.admin.id, "email"), (desk.admin.id, "in_app")]
    [shown] = desk.admin.every("/api/notifications/mine")
    assert shown["subject"].startswith(f"{desk.coordinator.actor.name} mentioned you: ")
    assert (shown["lead_id"], "latex" in shown["body"]) == (lead["id"], False)


def test_mention_in_the_text_counts_once(desk: Desk) -> None:
    me, lead = desk.coordinator, desk.capture()
    text = f"Ask @[Ada]({desk.admin.id}) and @[me]({me.id})"
    assert note(me, lead, notes=text, mentions=[desk.admin.id, desk.admin.id]).status == 201

    assert notices(desk) == [(desk.admin.id, "email"), (desk.admin.id, "in_app")]


def test_users_without_access_to_the_lead_are_refused(desk: Desk, other_desk: Desk) -> None:
    lead, stranger = desk.capture(), str(uuid4())
    given = {"notes": f"@[x]({stranger})", "mentions": [desk.admin.id, other_desk.admin.id]}
    answer = note(desk.admin, lead, **given)

    assert answer.pointers == ["/mentions/1", "/notes"]
    assert desk.admin.get(f"/api/leads/{lead['id']}/activities").body["items"][-1:] == before_note(desk, lead)
    assert notices(desk) == []


def before_note(desk: Desk, lead: dict[str, Any]) -> list[Any]:
    return [one for one in desk.admin.every(f"/api/leads/{lead['id']}/activities") if one["type"] != "NOTE"][-1:]


def test_scope_of_the_colleague_decides(desk: Desk) -> None:
    grants = {"lead:read": "assigned", "lead:update": "assigned"}
    desk.admin.post("/api/roles", {"slug": "own", "name": "Own leads", "grants": grants})
    invited = desk.admin.post("/api/users", {"email": "nina@clinic.example", "name": "Nina", "role": "own"}).body
    lead = desk.capture()
    assert note(desk.admin, lead, notes="x", mentions=[invited["id"]]).pointers == ["/mentions/0"]

    desk.sql("UPDATE leads SET assigned_to_id = :nina WHERE id = :lead", nina=invited["id"], lead=lead["id"])
    assert note(desk.admin, lead, notes="x", mentions=[invited["id"]]).status == 201


def test_inactive_user_cannot_be_mentioned(desk: Desk) -> None:
    lead = desk.capture()
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=desk.coordinator.id)

    assert note(desk.admin, lead, notes="x", mentions=[desk.coordinator.id]).pointers == ["/mentions/0"]


@pytest.mark.parametrize("planned", [False, True])
def test_lead_activities_take_mentions_for_past_activities(desk: Desk, planned: bool) -> None:
    lead = desk.capture()
    body = {"opportunity_id": lead["id"], "activity_type": "note", "subject": "x", "mentions": [desk.admin.id]}
    if planned:
        body |= {"activity_type": "call", "due_date": "2030-01-01T10:00:00Z"}
    answer = desk.coordinator.post("/api/lead-activities", body)

    if planned:
        assert answer.pointers == ["/mentions"]
    else:
        assert (answer.status, len(notices(desk))) == (201, 2)


def test_mention_follows_preferences(desk: Desk) -> None:
    desk.admin.patch("/api/me/notice-preferences", {"notices": {"mention": {"email": "digest"}}})
    note(desk.coordinator, desk.capture(), notes="x", mentions=[desk.admin.id])

    [row] = desk.sql("SELECT state, reason FROM notifications WHERE template = 'mention' AND channel = 'email'")
    assert (row.state, row.reason) == ("suppressed", "waits_for_digest")
