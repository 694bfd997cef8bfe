"""Tenant isolation: each route with an id is called with ids of another clinic."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, event

from app.clock import now
from app.http.access import PUBLIC
from app.http.openapi.openapi import spec
from tests.support.desk import Answer, Desk, the_app
from tests.support.each_kind import AWAY, PHONE, WEB_FORM, ids_of_each_kind
from tests.support.importing import send

pytest_plugins = ["tests.support.desk"]

A_USER = str(uuid4())

# For each route with an id that reads a body: one that would be accepted.
BODIES: dict[str, dict[str, Any]] = {
    "PUT /api/leads/<lead_id>": {"notes": "x"},
    "POST /api/leads/<lead_id>/stage": {"stage": "contacted"},
    "POST /api/leads/<lead_id>/assign": {"assigned_to_id": str(uuid4())},
    "POST /api/leads/<lead_id>/convert": {},
    "POST /api/conversations/<lead_id>/done": {},
    "POST /api/leads/<lead_id>/lost": {"reason": "OTHER"},
    "POST /api/leads/<lead_id>/reopen": {"reason": "They called."},
    "POST /api/imports/<import_id>/preview": {},
    "POST /api/imports/<import_id>/start": {},
    "POST /api/leads/<lead_id>/erase": {"reason": "They asked."},
    "PUT /api/leads/<lead_id>/legal-hold": {"reason": "A claim"},
    "POST /api/leads/<lead_id>/restrict": {"is_restricted": True, "reason": "They asked."},
    "POST /api/leads/<lead_id>/consents": {"way": "email", "is_given": True, "wording": "x", "source": "x"},
    "POST /api/leads/<lead_id>/merge": {"lead_id": str(uuid4())},
    "POST /api/leads/<lead_id>/touches": {},
    "POST /api/leads/<lead_id>/next-action/accept": {"act": "first_contact"},
    "POST /api/leads/<lead_id>/next-action/dismiss": {"act": "first_contact", "reason": "x"},
    "POST /api/leads/<lead_id>/tasks": {
        "title": "Call",
        "type": "CALL",
        "due_at": (now() + timedelta(days=1)).isoformat(),
    },
    "POST /api/leads/<lead_id>/activities": {"type": "NOTE", "notes": "x"},
    "PUT /api/leads/tasks/<task_id>": {"title": "Call"},
    "POST /api/leads/tasks/<task_id>/complete": {},
    "POST /api/leads/tasks/<task_id>/snooze": {"until": (now() + timedelta(days=1)).isoformat()},
    "POST /api/leads/tasks/<task_id>/cancel": {},
    "PUT /api/users/<user_id>": {"name": "x", "role": "clinic_admin"},
    "PATCH /api/users/<user_id>": {"name": "x"},
    "PATCH /api/leads/<lead_id>": {"notes": "x"},
    "PATCH /api/leads/tasks/<task_id>": {"title": "Call"},
    "PATCH /api/followups/<task_id>": {"title": "Call"},
    "PATCH /api/teams/<team_id>": {"name": "x"},
    "PATCH /api/roles/<role_id>": {"name": "x"},
    "PATCH /api/followups/views/<view_id>": {"name": "x"},
    "PATCH /api/leads/analytics/saved-reports/<saved_report_id>": {"name": "x"},
    "PUT /api/leads/analytics/saved-reports/<saved_report_id>": {"name": "x", "report": "total-leads"},
    "PATCH /api/leads/views/<lead_view_id>": {"name": "x"},
    "PUT /api/leads/views/<lead_view_id>": {"name": "x", "filters": {}},
    "POST /api/leads/<lead_id>/automation/steps/<step_id>/snooze": {"until": (now() + timedelta(days=1)).isoformat()},
    "PATCH /api/task-templates/<template_id>": {"name": "x"},
    "PATCH /api/lead-sources/<source_id>": {"name": "x"},
    "PATCH /api/custom-fields/<field_id>": {"label": "x"},
    "PATCH /api/web-forms/<form_id>": {"name": "x"},
    "PATCH /api/pipeline-stages/<stage_id>": {"name": "x"},
    "PATCH /api/assignment-rules/<rule_id>": {"name": "x"},
    "PATCH /api/follow-up-rules/<follow_up_rule_id>": {"description": "x"},
    "POST /api/follow-up-rules/<follow_up_rule_id>/publish": {},
    "POST /api/follow-up-rules/<follow_up_rule_id>/rollback": {"number": 1},
    "POST /api/follow-up-rules/<follow_up_rule_id>/test": {},
    "POST /api/follow-up-rules/<follow_up_rule_id>/simulate": {},
    "POST /api/follow-up-rules/<follow_up_rule_id>/cancel-pending": {},
    "PATCH /api/sequences/<sequence_id>": {"description": "x"},
    "POST /api/sequences/<sequence_id>/publish": {},
    "POST /api/sequences/<sequence_id>/simulate": {},
    "POST /api/sequences/<sequence_id>/rollback": {"number": 1},
    "POST /api/sequences/<sequence_id>/enrollments": {"lead_ids": [str(uuid4())]},
    "POST /api/sequences/<sequence_id>/move": {"to": 1, "fingerprint": "x"},
    "POST /api/sequences/<sequence_id>/enrollments/bulk": {"lead_ids": [str(uuid4())]},
    "PATCH /api/nurtures/<nurture_id>": {"is_active": False},
    "POST /api/nurtures/<nurture_id>/run": {},
    "POST /api/enrollments/<enrollment_id>/pause": {},
    "POST /api/enrollments/<enrollment_id>/resume": {},
    "POST /api/enrollments/<enrollment_id>/exit": {},
    "POST /api/enrollments/<enrollment_id>/skip": {},
    "POST /api/follow-up-rules/<follow_up_rule_id>/backfill": {},
    "PUT /api/teams/<team_id>": {"name": "x"},
    "PUT /api/roles/<role_id>": {"name": "x", "grants": {}},
    "PUT /api/followups/<task_id>": {"title": "Call"},
    "POST /api/followups/<task_id>/notes": {"notes": "x"},
    "POST /api/leads/<lead_id>/activities/<entry_id>/tasks": {
        "title": "Call",
        "type": "CALL",
        "due_at": (now() + timedelta(days=1)).isoformat(),
    },
    "POST /api/followups/<task_id>/complete": {},
    "POST /api/followups/<task_id>/cancel": {},
    "POST /api/followups/<task_id>/snooze": {"until": (now() + timedelta(days=1)).isoformat()},
    "POST /api/followups/<task_id>/reassign": {"assigned_to_id": str(uuid4())},
    "POST /api/followups/<task_id>/pin": {"pinned": True},
    "PUT /api/followups/views/<view_id>": {"name": "x", "filters": {}},
    "PUT /api/task-templates/<template_id>": {"name": "x", "title": "x", "type": "CALL", "due_in": "1 day"},
    "PATCH /api/lead-activities/<activity_id>/complete": {},
    "PATCH /api/message-templates/<message_template_id>": {"name": "x"},
    "POST /api/message-templates/<message_template_id>/rollback": {"version_id": str(uuid4())},
    "POST /api/message-templates/<message_template_id>/preview": {},
    "POST /api/task-templates/<template_id>/preview": {},
    "PUT /api/lead-sources/<source_id>": {"name": "x", "category": "OTHER"},
    "PUT /api/custom-fields/<field_id>": {"label": "x"},
    "PUT /api/web-forms/<form_id>": {**WEB_FORM, "source_id": str(uuid4())},
    "PUT /api/pipeline-stages/<stage_id>": {"name": "x"},
    "POST /api/pipeline-stages/<stage_id>/archive": {"moves_to": "contacted"},
    "POST /api/notifications/<notification_id>/resolve": {"as": "sent"},
    "POST /api/users/<user_id>/out-of-office": AWAY,
    "PUT /api/users/<user_id>/working-hours": {"hours": None},
    "PATCH /api/gateways/<gateway_id>": {"is_active": True},
    "PATCH /api/webhooks/<webhook_id>": {"is_active": True},
    "POST /api/webhooks/<webhook_id>/replay": {"since": "2026-01-31T09:00:00Z"},
    "PATCH /api/inbound-hooks/<hook_id>": {"is_active": True},
    "POST /api/inbound-emails/<inbound_email_id>/assign": {"lead_id": str(uuid4())},
    "POST /api/inbound-emails/<inbound_email_id>/decide": {"answer": "person"},
    "POST /api/inbound-texts/<inbound_text_id>/decide": {"answer": "opt_out"},
    "POST /api/inbound-texts/<inbound_text_id>/assign": {"lead_id": str(uuid4())},
    "POST /api/leads/<lead_id>/messages": {"channel": "email", "subject": "x", "body": "x"},
    "PATCH /api/me/destinations/<destination_id>": {"name": "x"},
    "PATCH /api/mailboxes/<mailbox_id>": {"mark_seen": True},
    "PATCH /api/sending-accounts/<account_id>": {"is_active": False},
    "PUT /api/assignment-rules/<rule_id>": {"name": "x", "strategy": "capacity", "members": [{"user_id": A_USER}]},
}


# Ids that callers choose themselves: another clinic's are not foreign, but free.
OF_THEIR_OWN = {"external_id", "name", "report_name"}  # names of playbooks and reports, which ship


def named_routes() -> list[tuple[str, str]]:
    """Return method and path of every route with an id: `("PUT", "/api/leads/<lead_id>")`."""
    app = the_app()
    return sorted(
        (method, re.sub(r"<uuid:", "<", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.arguments - OF_THEIR_OWN and app.view_functions[rule.endpoint].permission is not PUBLIC
    )


@pytest.fixture
def foreign_ids(other_desk: Desk) -> dict[str, str]:
    """Ids of one row of each kind, by the name of the path parameter."""
    return ids_of_each_kind(other_desk)


def call(desk: Desk, method: str, path: str, ids: dict[str, str], *, seen: str | None = "*") -> Answer:
    filled = re.sub(r"<(\w+)>", lambda name: ids[name[1]], path)
    body = {"json": BODIES[f"{method} {path}"]} if f"{method} {path}" in BODIES else {}
    return desk.admin._send(method, filled, headers={"If-Match": seen} if seen else {}, **body)


def comparable_body(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.body.items() if name not in {"instance", "request_id"}}


def test_foreign_id_gets_the_answer_of_an_unknown_id(desk: Desk, foreign_ids: dict[str, str]):
    nowhere = {name: str(uuid4()) for name in foreign_ids}
    routes = named_routes()
    assert len(routes) > 25
    for method, path in routes:
        foreign, unknown = call(desk, method, path, foreign_ids), call(desk, method, path, nowhere)
        assert (foreign.status, unknown.status) == (404, 404), (method, path, foreign.body, unknown.body)
        assert comparable_body(foreign) == comparable_body(unknown), (method, path)


def test_same_calls_find_rows_of_the_own_clinic(other_desk: Desk, foreign_ids: dict[str, str]):
    """Control: without this, the test of foreign ids would prove nothing."""
    for method, path in sorted(named_routes(), key=lambda route: route[1].endswith("/erase")):  # that one last
        if method != "DELETE":
            assert call(other_desk, method, path, foreign_ids).status != 404, (method, path)


def test_edits_need_if_match_exactly_where_it_is_documented(other_desk: Desk, foreign_ids: dict[str, str]):
    described = spec(the_app())["paths"]
    for method, path in named_routes():
        if method in {"PUT", "PATCH", "DELETE"}:
            answers = described[path.replace("<", "{").replace(">", "}")][method.lower()]["responses"]
            refused = call(other_desk, method, path, foreign_ids, seen=None).status == 428
            assert refused is ("428" in answers), (method, path)


SAME_FOR_ALL = {  # without a query
    "/api/leads/analytics/reports",
    "/api/me/destinations/web-push-key",
    "/api/webhooks/event-types",
}


@contextmanager
def listening() -> Iterator[set[tuple[str, str]]]:
    """Record the role and the clinic of each statement and each commit."""
    seen: set[tuple[str, str]] = set()

    def look(connection: Connection, *_: Any) -> None:
        line: Any = connection.connection.driver_connection  # past SQLAlchemy, which would tell of this one, too
        seen.update(line.execute("SELECT current_user, current_setting('relance.clinic', true)").fetchall())

    for moment in ("after_cursor_execute", "commit"):
        event.listen(Engine, moment, look)
    try:
        yield seen
    finally:
        for moment in ("after_cursor_execute", "commit"):
            event.remove(Engine, moment, look)


def test_every_call_runs_as_the_role_of_its_clinic(other_desk: Desk, foreign_ids: dict[str, str]):
    """Row-level security then applies to every query."""
    app = the_app()
    lists = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments]
    calls = [("GET", path) for path in lists if path.startswith("/api/")] + named_routes()
    program = other_desk.program("lead:read")
    for method, path in sorted(calls, key=lambda route: (route[0] == "DELETE", route[1].endswith("/erase"))):
        with listening() as seen:
            call(other_desk, method, path, foreign_ids)
            if (method, path) == ("GET", "/api/leads"):
                program.get(path)
        assert seen <= {("relance_clinic", str(other_desk.clinic_id))}, (method, path)
        assert seen or method == "DELETE" or path in SAME_FOR_ALL, (method, path)


@pytest.mark.parametrize("key", [None, "once"])
def test_large_body_is_stored_as_the_role_of_its_clinic(other_desk: Desk, key: str | None):
    lead, whose = other_desk.capture(phone=PHONE), ("relance_clinic", str(other_desk.clinic_id))
    follow_up = {"lead_ids": [lead["id"]], "followup": {"type": "CALL", "title": "Call", "due_in_minutes": 60}}
    with listening() as seen:
        answers = [
            send(other_desk.admin, b"Name,Phone\nAna Ruiz,2125550143\n", key=key),
            other_desk.admin.post("/api/followups/bulk", follow_up, key=key),
        ]
    assert ([answer.status for answer in answers], seen) == ([201, 202], {whose})


def test_web_form_is_stored_as_the_role_of_its_clinic(other_desk: Desk, foreign_ids: dict[str, str]):
    """The application role is used only until the form's key gives the clinic."""
    key = other_desk.admin.get(f"/api/web-forms/{foreign_ids['form_id']}").body["key"]
    with listening() as seen:
        answer = other_desk.client().post(f"/api/public/forms/{key}/leads", json={"phone": PHONE})
    assert answer.status_code == 202
    [to_find_it, *rest] = sorted(seen, key=lambda whose: whose[0] != "relance_web")
    assert to_find_it[0] == "relance_web"
    assert rest == [("relance_clinic", str(other_desk.clinic_id))]


STREAM = "/api/stream"  # not a list: test_live_updates.py compares two clinics


def test_lists_contain_only_rows_of_the_own_clinic(desk: Desk, foreign_ids: dict[str, str]):
    app = the_app()
    lists = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments]
    for path in (path for path in lists if path.startswith("/api/") and path != STREAM):
        answer = desk.admin.get(path)
        assert answer.status == 200, (path, answer.body)
        assert not [name for name, id_ in foreign_ids.items() if id_ in str(answer.body)], path


@pytest.mark.parametrize("field", ["source_id", "assigned_to_id"])
def test_foreign_id_in_a_body_is_unknown(desk: Desk, other_desk: Desk, field: str):
    foreign = {"source_id": other_desk.source_id, "assigned_to_id": other_desk.coordinator.id}[field]
    answers = [desk.admin.post("/api/leads", desk.lead_data(**{field: id_})) for id_ in (foreign, str(uuid4()))]
    assert [answer.pointers for answer in answers] == [[f"/{field}"], [f"/{field}"]]
    assert comparable_body(answers[0]) == comparable_body(answers[1])


def test_foreign_cursor_returns_nothing_foreign(desk: Desk, other_desk: Desk):
    for _ in range(2):
        other_desk.capture(phone=PHONE)
    cursor = other_desk.admin.get("/api/leads", limit=1).body["next_cursor"]
    mine = desk.capture()
    shown = desk.admin.get("/api/leads", cursor=cursor).body["items"]
    assert {lead["id"] for lead in shown} <= {mine["id"]}
