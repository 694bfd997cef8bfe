"""One response has every mistake: in the shape of the body, in its values, and in what they refer to."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.http.openapi.openapi import spec
from tests.support.bulk import work_off
from tests.support.desk import Caller, Desk, the_app
from tests.support.each_kind import ids_of_each_kind

pytest_plugins = ["tests.support.desk"]

NOBODY = str(uuid4())
NEXT_MONTH = (now() + timedelta(days=30)).isoformat()
TOMORROW = "2040-01-01T09:00:00Z"
LEAD = {"first_name": "Ana", "last_name": "Ruiz", "source_id": NOBODY, "phone": "12", "phone_alt": "x"}
TASK = {"title": "Call", "type": "CALL", "due_at": TOMORROW}
TYPED = {"title": "Call {{ lead.phone }}", "description": "{{ custom.nope }}"}
TYPED_MISTAKES = ["/assigned_to_id", "/title", "/description"]
RULE = {"name": "x", "strategy": "capacity", "members": [{"user_id": NOBODY}], "fallback_id": str(uuid4())}
TEMPLATE = {"name": "x", "title": "{{ custom.nope }}", "type": "CALL", "due_in": "1 day", "stage": "nowhere"}
STAGE_TEMPLATES = {"auto_task_template": NOBODY, "auto_email_template": NOBODY}
FORM = {"name": "y", "allowed_origins": [], "fields": [{"name": "phone"}], "source_id": NOBODY}
TEXTS = [{"subject": "{{ custom.nope }}", "body": "{{ custom.nope }}"}]
REPORT = {
    "report": "total-leads",
    "parameters": {"source_id": NOBODY, "assigned_to_id": NOBODY},
    "schedule": {"every": "month", "day": 1, "recipients": [NOBODY]},
}
REPORT_MISTAKES = ["/parameters/assigned_to_id", "/parameters/source_id", "/schedule/recipients/0"]
FOLLOW_UP_RULE = {"name": "y", "on": ["lead.made"], "do": [{"notify": {"users": "x"}}], "when": []}

# For each route: a body whose shape is right, with wrong references, and the pointers to them.
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "POST /api/leads": ({**LEAD, "assigned_to_id": NOBODY}, ["/source_id", "/phone", "/phone_alt", "/assigned_to_id"]),
    "POST /api/leads/quick": ({"phone": "12", "source_id": NOBODY}, ["/phone", "/source_id"]),
    "PUT /api/leads/by-external-id/{external_id}": (
        {**LEAD, "external_source": "crm", "custom": {"nope": 1}},
        ["/source_id", "/phone", "/phone_alt", "/custom/nope"],
    ),
    "PUT /api/leads/{lead_id}": ({"source_id": NOBODY, "phone": "12"}, ["/source_id", "/phone"]),
    "PATCH /api/leads/{lead_id}": (
        {"source_id": NOBODY, "phone": None, "email": None},
        ["/source_id", "/phone", "/email"],
    ),
    "POST /api/leads/{lead_id}/stage": ({"stage": "nowhere"}, ["/stage"]),
    "POST /api/leads/{lead_id}/assign": ({"assigned_to_id": NOBODY}, ["/assigned_to_id"]),
    "POST /api/settings/lead-scores/preview": ({"lead_id": NOBODY}, ["/lead_id"]),
    "POST /api/leads/{lead_id}/merge": ({"lead_id": NOBODY}, ["/lead_id"]),
    "POST /api/leads/{lead_id}/touches": ({"source_id": NOBODY}, ["/source_id"]),
    "POST /api/leads/reassign": (
        {"from_id": NOBODY, "to_ids": [NOBODY, str(uuid4())], "reason": "x"},
        ["/from_id", "/to_ids/0", "/to_ids/1"],
    ),
    "POST /api/followups/views": ({"name": "y", "filters": {"source_id": NOBODY}}, ["/filters/source_id"]),
    "PUT /api/followups/views/{view_id}": (
        {"name": "y", "filters": {"assigned_to_id": NOBODY, "created_by": NOBODY}},
        ["/filters/assigned_to_id", "/filters/created_by"],
    ),
    "PATCH /api/followups/views/{view_id}": ({"filters": {"source_id": NOBODY}}, ["/filters/source_id"]),
    "POST /api/leads/analytics/saved-reports": ({"name": "y", **REPORT}, REPORT_MISTAKES),
    "PUT /api/leads/analytics/saved-reports/{saved_report_id}": ({"name": "y", **REPORT}, REPORT_MISTAKES),
    "PATCH /api/leads/analytics/saved-reports/{saved_report_id}": (REPORT, REPORT_MISTAKES),
    "POST /api/leads/views": ({"name": "y", "filters": {"source_id": NOBODY}}, ["/filters/source_id"]),
    "PUT /api/leads/views/{lead_view_id}": (
        {"name": "y", "filters": {"assigned_to_id": NOBODY, "source_id": NOBODY}},
        ["/filters/assigned_to_id", "/filters/source_id"],
    ),
    "PATCH /api/leads/views/{lead_view_id}": ({"filters": {"source_id": NOBODY}}, ["/filters/source_id"]),
    "POST /api/leads/{lead_id}/tasks": (
        {**TASK, **TYPED, "assigned_to_id": NOBODY},
        ["/assigned_to_id", "/title", "/description"],
    ),
    "POST /api/followups": (
        {**TASK, **TYPED, "lead_id": NOBODY, "template_id": NOBODY, "assigned_to_id": NOBODY},
        ["/lead_id", "/template_id", "/assigned_to_id", "/title", "/description"],
    ),
    "POST /api/leads/{lead_id}/activities/{entry_id}/tasks": (
        {**TASK, **TYPED, "template_id": NOBODY, "assigned_to_id": NOBODY},
        ["/template_id", "/assigned_to_id", "/title", "/description"],
    ),
    "POST /api/followups/{task_id}/notes": ({"notes": "x", "mentions": [NOBODY]}, ["/mentions/0"]),
    "PUT /api/leads/tasks/{task_id}": ({**TYPED, "assigned_to_id": NOBODY}, TYPED_MISTAKES),
    "PATCH /api/leads/tasks/{task_id}": ({**TYPED, "assigned_to_id": NOBODY}, TYPED_MISTAKES),
    "PUT /api/followups/{task_id}": ({**TYPED, "assigned_to_id": NOBODY}, TYPED_MISTAKES),
    "PATCH /api/followups/{task_id}": ({**TYPED, "assigned_to_id": NOBODY}, TYPED_MISTAKES),
    "POST /api/followups/{task_id}/reassign": ({"assigned_to_id": NOBODY}, ["/assigned_to_id"]),
    "POST /api/leads/tasks/{task_id}/complete": ({"activity_id": NOBODY}, ["/activity_id"]),
    "POST /api/followups/{task_id}/complete": ({"activity_id": NOBODY}, ["/activity_id"]),
    "POST /api/followups/bulk": (
        {
            "lead_ids": [NOBODY],
            "followup": {**TASK, "due_at": NEXT_MONTH, "assignee": {"strategy": "user", "user_id": NOBODY}},
        },
        ["/followup/assignee/user_id"],
    ),
    "POST /api/followups/bulk/preview": (
        {
            "lead_ids": [NOBODY],
            "followup": {**TASK, "due_at": NEXT_MONTH, "assignee": {"strategy": "user", "user_id": NOBODY}},
        },
        ["/followup/assignee/user_id"],
    ),
    "POST /api/lead-activities": (
        {
            "opportunity_id": NOBODY,
            "activity_type": "call",
            "subject": "x",
            "due_date": TOMORROW,
            "assigned_to": NOBODY,
        },
        ["/opportunity_id", "/assigned_to"],
    ),
    "POST /api/users": (
        {"email": "eva@example.org", "name": "Eva", "role": "nope", "team_id": NOBODY},
        ["/role", "/team_id"],
    ),
    "PUT /api/users/{user_id}": ({"name": "Eva", "role": "nope", "team_id": NOBODY}, ["/role", "/team_id"]),
    "PATCH /api/users/{user_id}": ({"role": "nope", "team_id": NOBODY}, ["/role", "/team_id"]),
    "POST /api/users/{user_id}/deactivate": ({"to_ids": [NOBODY]}, ["/to_ids/0"]),
    "POST /api/users/{user_id}/out-of-office": (
        {"starts_at": TOMORROW, "ends_at": "2040-02-01T09:00:00Z", "cover_id": NOBODY},
        ["/cover_id"],
    ),
    "POST /api/roles": (
        {"slug": "z", "name": "z", "grants": {"user:manage": "team", "lead:import": "all"}},
        ["/grants/user:manage", "/grants/lead:import"],
    ),
    "PUT /api/roles/{role_id}": ({"name": "z", "grants": {"user:manage": "team"}}, ["/grants/user:manage"]),
    "PATCH /api/roles/{role_id}": ({"grants": {"user:manage": "team"}}, ["/grants/user:manage"]),
    "POST /api/api-keys": (
        {"name": "x", "scopes": ["lead:read"], "expires_at": "2001-01-01T00:00:00Z"},
        ["/expires_at"],
    ),
    "POST /api/assignment-rules": (RULE, ["/members/0/user_id", "/fallback_id"]),
    "PUT /api/assignment-rules/{rule_id}": (
        {**RULE, "conditions": {"source_ids": [NOBODY]}},
        ["/members/0/user_id", "/fallback_id", "/conditions/source_ids/0"],
    ),
    "PATCH /api/assignment-rules/{rule_id}": ({"fallback_id": NOBODY}, ["/fallback_id"]),
    "PUT /api/assignment-rules/reorder": ({"ids": [NOBODY]}, ["/ids"]),
    "PUT /api/pipeline-stages/reorder": ({"slugs": ["x"]}, ["/slugs"]),
    "PUT /api/custom-fields/{field_id}": ({"label": "x", "options": ["a"]}, ["/options"]),
    "PATCH /api/custom-fields/{field_id}": ({"options": ["a"]}, ["/options"]),
    "POST /api/task-templates": (TEMPLATE, ["/title", "/stage"]),
    "PUT /api/task-templates/{template_id}": (TEMPLATE, ["/title", "/stage"]),
    "PATCH /api/task-templates/{template_id}": (
        {"stage": "nowhere", "title": "{{ custom.nope }}"},
        ["/title", "/stage"],
    ),
    "POST /api/web-forms": (FORM, ["/source_id"]),
    "PUT /api/web-forms/{form_id}": (FORM, ["/source_id"]),
    "PATCH /api/web-forms/{form_id}": ({"source_id": NOBODY}, ["/source_id"]),
    "POST /api/message-templates": (
        {"slug": "password-reset", "name": "x", "variants": TEXTS},
        ["/slug", "/variants/0/subject", "/variants/0/body"],
    ),
    "PATCH /api/message-templates/{message_template_id}": (
        {"variants": TEXTS},
        ["/variants/0/subject", "/variants/0/body"],
    ),
    "POST /api/gateways": ({"name": "y", "purpose": "webhook", "url": "http://192.0.2.1/"}, ["/url"]),
    "PATCH /api/gateways/{gateway_id}": ({"url": "http://192.0.2.1/"}, ["/url"]),
    "POST /api/webhooks": ({"url": "http://192.0.2.1/"}, ["/url"]),
    "PATCH /api/webhooks/{webhook_id}": ({"url": "http://192.0.2.1/"}, ["/url"]),
    "POST /api/me/destinations": ({"channel": "slack", "url": "https://8.8.8.8/"}, ["/url"]),
    "PATCH /api/me/destinations/{destination_id}": ({"url": "https://8.8.8.8/"}, ["/url"]),
    "PATCH /api/me/notice-preferences": (
        {"digest_at": "25:00", "notices": {"security": {"email": "off"}}},
        ["/digest_at", "/notices/security"],
    ),
    "POST /api/mailboxes": (
        {"name": "y", "host": "127.0.0.1", "security": "tls", "username": "x", "password": "x"},
        ["/host"],
    ),
    "PATCH /api/mailboxes/{mailbox_id}": ({"host": "127.0.0.1", "port": 993, "security": "tls"}, ["/host"]),
    "POST /api/sending-accounts": (
        {
            "name": "y",
            "kind": "smtp",
            "channels": ["email", "sms"],
            "settings": {"host": "127.0.0.1", "sender_address": "a@clinic.example"},
        },
        ["/settings/host", "/channels/1"],
    ),
    "PATCH /api/sending-accounts/{account_id}": (
        {"settings": {"host": "127.0.0.1", "speed": 1}, "channels": ["fax"]},
        ["/settings/speed", "/channels/0"],
    ),
    "POST /api/imports/{import_id}/preview": (
        {"mapping": {"A": "b", "Name": "first_name"}, "source_id": NOBODY},
        ["/mapping", "/source_id"],
    ),
    "POST /api/imports/{import_id}/start": (
        {"mapping": {"A": "b", "Name": "last_name"}, "source_id": NOBODY},
        ["/mapping", "/source_id"],
    ),
    "POST /api/follow-up-rules": (
        FOLLOW_UP_RULE,
        ["/on/0", "/do/0/notify/channels", "/do/0/notify/template", "/do/0/notify/users"],
    ),
    "PATCH /api/follow-up-rules/{follow_up_rule_id}": (
        {"name": "other", "on": ["lead.made"]},
        ["/name", "/on/0"],
    ),
    "POST /api/sequences": ({"name": "y", "steps": [{"name": "a", "wait": "x"}]}, ["/steps/0/after", "/steps/0/wait"]),
    "PATCH /api/sequences/{sequence_id}": ({"name": "other", "priority": -1}, ["/name", "/priority"]),
    "POST /api/nurtures": (
        {"name": "y", "sequence": "nope", "score_from": 5, "score_to": 2},
        ["/sequence", "/score_to"],
    ),
    "PATCH /api/nurtures/{nurture_id}": ({"sequence": "nope"}, ["/sequence"]),
}

WRONG |= {
    "POST /api/inbound-emails/{inbound_email_id}/assign": ({"lead_id": NOBODY}, ["/lead_id"]),
    "POST /api/inbound-texts/{inbound_text_id}/assign": ({"lead_id": NOBODY}, ["/lead_id"]),
    "POST /api/leads/{lead_id}/messages": (
        {"channel": "email", "body": "x", "in_reply_to": NOBODY},
        ["/in_reply_to"],
    ),
    "PUT /api/settings/inbound-email": ({"source_id": NOBODY}, ["/source_id"]),
    "PATCH /api/settings/inbound-email": ({"source_id": NOBODY}, ["/source_id"]),
    "POST /api/assignment-rules/dry-run": ({"source_id": NOBODY}, ["/source_id"]),
    "POST /api/suppressions": ({"phone": "12", "reason": "x"}, ["/phone"]),
    "POST /api/suppressions/check": ({"phone": "12"}, ["/phone"]),
    "POST /api/suppressions/lift": ({"phone": "12"}, ["/phone"]),
    "POST /api/message-templates/{message_template_id}/rollback": ({"version_id": NOBODY}, ["/version_id"]),
    "POST /api/playbooks/import": ({"yaml": "name: x\nrules: [a]\n"}, ["/yaml"]),
}

SIMULATION = {
    "is_new": False,
    "facts": {"lead.nope": 1},
    "start": TOMORROW,
    "script": [{"at": "x", "event": "lead.nope"}],
}
SIMULATION_MISTAKES = ["/facts/lead.nope", "/is_new", "/script/0/at", "/script/0/event", "/start"]
WRONG |= {
    "POST /api/pipeline-stages": (
        {"name": "x", "slug": "x", **STAGE_TEMPLATES},
        ["/auto_task_template", "/auto_email_template"],
    ),
    "PUT /api/pipeline-stages/{stage_id}": (
        {"name": "x", "is_default": True, **STAGE_TEMPLATES},
        ["/is_default", "/auto_task_template", "/auto_email_template"],
    ),
    "PATCH /api/pipeline-stages/{stage_id}": (
        {"is_default": True, **STAGE_TEMPLATES},
        ["/is_default", "/auto_task_template", "/auto_email_template"],
    ),
    "POST /api/playbooks/{name}/simulate": (SIMULATION, SIMULATION_MISTAKES),
    "POST /api/sequences/{sequence_id}/simulate": (SIMULATION, SIMULATION_MISTAKES),
    "POST /api/follow-up-rules/{follow_up_rule_id}/simulate": (SIMULATION, SIMULATION_MISTAKES),
    "POST /api/definitions/read": ({"kind": "rule"}, ["/text"]),
    "POST /api/follow-up-rules/{follow_up_rule_id}/test": (
        {"event": "nope", "facts": {"lead.nope": 1, "lead.contacted_at": "x"}},
        ["/event", "/facts/lead.nope", "/facts/lead.contacted_at"],
    ),
    "POST /api/message-templates/preview": (
        {"variants": TEXTS, "values": {"nope": "x"}},
        ["/values/nope", "/variants/0/subject", "/variants/0/body"],
    ),
    "POST /api/message-templates/{message_template_id}/preview": ({"values": {"nope": "x"}}, ["/values/nope"]),
    "POST /api/sequences/{sequence_id}/move": ({"to": 99, "fingerprint": "x"}, ["/to"]),
    "POST /api/sequences/{sequence_id}/enrollments/bulk": (
        {"lead_ids": [NOBODY] * 9_000, "per_hour": 1},
        ["/per_hour"],
    ),
}

# Routes with a second response for a valid body, and the reason.
IN_TWO_PASSES = {
    "POST /api/auth/change-password": "An attempt at the current password counts, so only a valid body makes one.",
    "POST /api/auth/password": "The password is compared with the address of a user, whom only a valid link names.",
    "POST /api/events": "The lead is the resource of the call: 404, 409 or 410, decided with the right to read it.",
    "POST /api/follow-up-rules/{follow_up_rule_id}/rollback": "The version is the resource of the call: 404.",
    "POST /api/sequences/{sequence_id}/rollback": "The version is the resource of the call: 404.",
    "POST /api/task-templates/{template_id}/preview": "The lead is the resource of the call: 404 or 410.",
}
# Routes that need other rows: they have tests of their own below.
APART = {
    "POST /api/followups/{task_id}/cancel",  # see test_task_cancellation_api.py
    "POST /api/leads/tasks/{task_id}/cancel",
    "POST /api/leads/{lead_id}/reopen",
    "POST /api/pipeline-stages/{stage_id}/archive",
    "POST /api/public/forms/{key}/leads",
}

# Routes with a body whose fields refer to nothing that could be missing: their schema finds every mistake.
BY_SCHEMA_ALONE = {
    "POST /api/inbound-emails/{inbound_email_id}/decide",
    "POST /api/inbound-texts/{inbound_text_id}/decide",
    "POST /api/leads/begin-follow-ups",
    "POST /api/leads/check",
    "POST /api/search",
    "PATCH /api/lead-activities/{activity_id}/complete",
    "PATCH /api/lead-sources/{source_id}",
    "PATCH /api/settings/clinic",
    "PATCH /api/settings/contact-policy",
    "PATCH /api/settings/hours",
    "PATCH /api/settings/lead-scores",
    "PATCH /api/settings/message-tracking",
    "PATCH /api/settings/follow-ups",
    "PATCH /api/settings/sender",
    "PATCH /api/settings/sentiment",
    "PATCH /api/settings/task-cancellation",
    "PATCH /api/teams/{team_id}",
    "POST /api/auth/emergency-access",
    "POST /api/auth/browser-session",
    "POST /api/auth/login",
    "POST /api/auth/password-link",
    "POST /api/auth/refresh",
    "POST /api/conversations/{lead_id}/done",
    "POST /api/custom-fields",
    "POST /api/followups/batch",  # each operation has its own result: see below
    "POST /api/follow-up-rules/{follow_up_rule_id}/backfill",
    "POST /api/followups/{task_id}/pin",
    "POST /api/followups/{task_id}/snooze",
    "POST /api/sending-accounts/{account_id}/test",  # its address depends on its channel
    "POST /api/gateways/{gateway_id}/events",  # an unknown message is ignored
    "PATCH /api/inbound-hooks/{hook_id}",
    "POST /api/inbound-hooks",
    "POST /api/inbound/{provider}/{hook_id}",  # in the form of the provider
    "POST /api/channels/{provider}/{account_id}/events",  # in the form of the provider
    "POST /api/lead-sources",
    "POST /api/leads/tasks/{task_id}/snooze",
    "POST /api/leads/{lead_id}/activities",
    "POST /api/leads/{lead_id}/automation/steps/{step_id}/snooze",
    "POST /api/leads/{lead_id}/consents",
    "POST /api/leads/{lead_id}/convert",
    "POST /api/leads/{lead_id}/erase",
    "POST /api/leads/{lead_id}/lost",
    "POST /api/leads/{lead_id}/next-action/accept",
    "POST /api/leads/{lead_id}/next-action/dismiss",
    "POST /api/leads/{lead_id}/opt-out",
    "POST /api/leads/{lead_id}/restrict",
    "POST /api/notifications/mine/read",  # an unknown message marks nothing newer
    "POST /api/notifications/resolve",
    "POST /api/notifications/retry",
    "POST /api/notifications/{notification_id}/resolve",
    "POST /api/playbooks/{name}/install",
    "POST /api/sequences/{sequence_id}/enrollments",  # each lead has its own result
    "POST /api/steps/retry",
    "POST /api/teams",
    "POST /api/webhooks/{webhook_id}/replay",
    "PUT /api/lead-sources/{source_id}",
    "PUT /api/leads/{lead_id}/legal-hold",
    "PUT /api/settings/contact-policy",
    "PUT /api/settings/follow-ups",
    "PUT /api/settings/hours",
    "PUT /api/settings/lead-scores",
    "PUT /api/settings/message-tracking",
    "PUT /api/settings/sender",
    "PUT /api/settings/sentiment",
    "PUT /api/settings/task-cancellation",
    "PUT /api/teams/{team_id}",
    "PUT /api/users/{user_id}/working-hours",
}


def written() -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, operations in spec(the_app())["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "application/json" in operation.get("requestBody", {}).get("content", {})
    }


def mistakes(caller: Caller, route: str, ids: dict[str, str], body: dict[str, Any]) -> list[tuple[str, str]]:
    method, path = route.split(" ")
    filled = re.sub(r"{(\w+)}", lambda name: ids[name[1]], path)
    answer = caller._send(method, filled, headers={"If-Match": "*"}, json=body)
    assert (route, answer.status, answer.body["code"]) == (route, 422, "invalid"), answer.body
    return sorted((error["pointer"], error["message"]) for error in answer.body["errors"])


@pytest.fixture
def ids(desk: Desk) -> dict[str, str]:
    """Ids by path parameter. The user is not the caller, who may not edit their own account; the stage is terminal."""
    terminal = next(stage["id"] for stage in desk.admin.every("/api/pipeline-stages") if stage["is_terminal"])
    others = {"external_id": "7", "name": "own", "stage_id": terminal, "user_id": desk.coordinator.id}
    return {**ids_of_each_kind(desk), **others}


def test_every_body_is_tested():
    assert set(WRONG) | BY_SCHEMA_ALONE | IN_TWO_PASSES.keys() | APART == written()


def test_wrong_shape_hides_no_wrong_reference(desk: Desk, ids: dict[str, str]):
    for route, (body, pointers) in WRONG.items():
        found = mistakes(desk.admin, route, ids, body)
        with_shape = mistakes(desk.admin, route, ids, {**body, "nonsense": 1})
        assert (route, sorted({pointer for pointer, _ in found})) == (route, sorted(pointers)), found
        assert (route, with_shape) == (route, sorted([*found, ("/nonsense", "Unknown field.")]))


def test_wrong_stage_is_reported_beside_a_wrong_shape(desk: Desk):
    lead = desk.capture()
    place = f"/api/leads/{lead['id']}"
    assert desk.admin.post(f"{place}/stage", {"stage": "lost", "nonsense": 1}).pointers == ["/nonsense", "/reason"]
    desk.admin.post(f"{place}/lost", {"reason": "OTHER"})
    assert sorted(desk.admin.post(f"{place}/reopen", {"stage": "nowhere"}).pointers) == ["/reason", "/stage"]
    stage = next(one for one in desk.admin.every("/api/pipeline-stages") if one["slug"] == "contacted")
    answer = desk.admin.post(f"/api/pipeline-stages/{stage['id']}/archive", {"moves_to": "x", "nonsense": 1})
    assert sorted(answer.pointers) == ["/moves_to", "/nonsense"]


def test_web_form_reports_missing_wrong_and_unknown_fields_at_once(desk: Desk):
    asked = [{"name": "phone", "required": True}, {"name": "last_name", "required": True}, {"name": "email"}]
    form = desk.admin.post("/api/web-forms", {**FORM, "source_id": desk.source_id, "fields": asked}).body
    sent = {"phone": "12", "email": "no address", "city": "Lyon", "nonsense": 1}
    answer = desk.admin.post(f"/api/public/forms/{form['key']}/leads", sent)
    assert sorted(answer.pointers) == ["/city", "/email", "/last_name", "/nonsense", "/phone"]


def test_weak_new_password_is_reported_beside_a_wrong_shape(desk: Desk):
    given = {"current_password": "x", "new_password": "password", "nonsense": 1}
    assert desk.admin.post("/api/auth/change-password", given).pointers == ["/new_password", "/nonsense"]


def test_steps_of_a_move_are_checked_beside_a_wrong_shape(desk: Desk, ids: dict[str, str]):
    place = f"/api/sequences/{ids['sequence_id']}/move"
    given = {"to": 1, "fingerprint": "", "steps": {"nope": "nowhere"}}
    assert set(desk.admin.post(place, given).pointers) == {"/fingerprint", "/steps/nope"}


def test_query_parameters_are_checked_beside_unknown_ones(desk: Desk):
    wrong = {"nonsense": "1", "from": "2026-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z", "act": "x"}
    assert sorted(desk.admin.get("/api/audit", **wrong).pointers) == ["/act", "/from", "/nonsense"]
    assert desk.admin.get("/api/audit", nonsense="1").pointers == ["/nonsense"]


def test_schema_checks_of_several_fields_run_beside_wrong_fields(desk: Desk):
    lead = {"first_name": 1, "last_name": "R", "source_id": desk.source_id, "patient_relationship": "CHILD"}
    assert sorted(desk.admin.post("/api/leads", lead).pointers) == [
        "/email",
        "/first_name",
        "/patient_first_name",
        "/patient_last_name",
        "/phone",
    ]


def test_each_text_of_a_task_template_is_checked(desk: Desk):
    texts = {"title": "{{ nobody.name", "description": 7}
    assert sorted(desk.admin.post("/api/task-templates", {**TEMPLATE, **texts}).pointers) == [
        "/description",
        "/stage",
        "/title",
    ]


def test_check_of_an_invalid_field_reports_nothing_false(desk: Desk):
    lead = desk.lead_data(phone=12, email=None)
    assert desk.admin.post("/api/leads", lead).pointers == ["/phone"]
    custom = {"key": "school", "label": "School", "type": "text", "required": True}
    desk.admin.post("/api/custom-fields", custom)
    assert desk.admin.post("/api/leads", desk.lead_data(custom="x")).pointers == ["/custom"]


def test_operations_of_a_batch_report_every_mistake(desk: Desk):
    create = {"op": "create", "lead_id": NOBODY, "assigned_to_id": NOBODY, **TASK, "nonsense": 1}
    [result] = desk.admin.post("/api/followups/batch", {"operations": [create]}).body["results"]
    found = sorted(error["pointer"] for error in result["problem"]["errors"])
    assert found == [f"/operations/0/{name}" for name in ("assigned_to_id", "lead_id", "nonsense")]


def test_rows_of_a_job_report_every_mistake(desk: Desk):
    row = {"first_name": "", "last_name": "R", "source_id": NOBODY, "phone": "12", "assigned_to_id": NOBODY}
    body = {"leads": [row], "followup": {**TASK, "due_at": NEXT_MONTH}}
    job = desk.admin.post("/api/followups/bulk", body)
    assert job.status == 202, job.body
    work_off(desk, job.body)
    [item] = desk.admin.every(f"/api/jobs/{job.body['id']}/items")
    for pointer in ("/first_name", "/source_id", "/phone", "/assigned_to_id"):
        assert pointer in item["error"]
