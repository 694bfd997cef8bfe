"""Endpoint tables of the documents: each path exists, requires its permission, and answers."""

import re
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from app.clock import now
from app.identity.permissions import Permission
from tests.support.desk import Answer, Desk, the_app

pytest_plugins = ["tests.support.desk"]

TOMORROW = (now() + timedelta(days=1)).isoformat()

# Method, path and permission as in the tables, with the kind of row in place of `:id`.
LEAD_MANAGEMENT = """
    GET  /api/leads                            lead:read
    GET  /api/leads/{lead}                     lead:read
    POST /api/leads                            lead:create
    PUT  /api/leads/{lead}                     lead:update
    POST /api/leads/{lead}/stage               lead:update
    POST /api/leads/{lead}/assign              lead:assign
    POST /api/leads/{lead}/convert             lead:convert
    POST /api/leads/{lead}/lost                lead:update
    GET  /api/leads/{lead}/activities          lead:read
    POST /api/leads/{lead}/activities          lead:update
    GET  /api/leads/{lead}/tasks               lead:read
    POST /api/leads/{lead}/tasks               lead:update
    PUT  /api/leads/tasks/{task}               lead:update
    POST /api/leads/tasks/{task}/complete      lead:update
    GET  /api/lead-sources                     lead:read
    POST /api/lead-sources                     lead:configure
    PUT  /api/lead-sources/{source}            lead:configure
    GET  /api/pipeline-stages                  lead:read
    POST /api/pipeline-stages                  lead:configure
    PUT  /api/pipeline-stages/{stage}          lead:configure
    PUT  /api/pipeline-stages/reorder          lead:configure
    GET  /api/leads/analytics/funnel           lead:analytics
    GET  /api/leads/analytics/sources          lead:analytics
    GET  /api/leads/analytics/coordinators     lead:analytics
    GET  /api/leads/analytics/lost-reasons     lead:analytics
"""
FOLLOW_UP_MANAGEMENT = """
    GET  /api/leads/{lead}/tasks               lead:read
    POST /api/leads/{lead}/tasks               lead:update
    PUT  /api/leads/tasks/{task}               lead:update
    POST /api/leads/tasks/{task}/complete      lead:update
    GET  /api/leads/{lead}/activities          lead:read
    POST /api/leads/{lead}/activities          lead:update
    GET  /api/leads/tasks/my-tasks             lead:read
    GET  /api/leads/tasks/overdue              lead:read
"""
# This one names roles and no permissions: these are the ones that such roles hold.
SIMPLEPRO = """
    POST   /api/lead-activities                        lead:update
    GET    /api/lead-activities                        lead:read
    GET    /api/lead-activities/opportunity/{lead}     lead:read
    GET    /api/lead-activities/customer/{patient}     lead:read
    GET    /api/lead-activities/pending                lead:read
    GET    /api/lead-activities/overdue                lead:read
    GET    /api/lead-activities/statistics             lead:read
    GET    /api/lead-activities/timeline/{lead}        lead:read
    GET    /api/lead-activities/{activity}             lead:read
    PATCH  /api/lead-activities/{task}/complete        lead:update
    DELETE /api/lead-activities/{task}                 automation:manage
    POST   /api/follow-up-rules                        automation:manage
    GET    /api/follow-up-rules                        automation:read
    GET    /api/follow-up-rules/active                 automation:read
    GET    /api/follow-up-rules/{rule}                 automation:read
    PATCH  /api/follow-up-rules/{rule}                 automation:manage
    DELETE /api/follow-up-rules/{rule}                 automation:manage
    POST   /api/follow-up-rules/{rule}/test            automation:manage
"""

CALL = {"title": "Call", "type": "CALL"}


class Published(NamedTuple):
    """A row of a table."""

    method: str
    path: str
    permission: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def read(table: str) -> list[Published]:
    return [Published(*line.split()) for line in table.strip().splitlines()]


TABLES = {"lead-management": 25, "follow-up-management": 8, "simplepro-follow-up-automation": 18}
ROWS = [read(LEAD_MANAGEMENT), read(FOLLOW_UP_MANAGEMENT), read(SIMPLEPRO)]
PUBLISHED = sorted({row for rows in ROWS for row in rows})


def without_names(path: str) -> str:
    """Return a path without parameter names: `/api/leads/{lead}` becomes `/api/leads/{}`."""
    return re.sub(r"<[^>]+>|\{\w+\}", "{}", path)


def permissions() -> dict[tuple[str, str], Any]:
    """Return the permission of each route, by method and path."""
    app = the_app()
    return {
        (method, without_names(rule.rule)): getattr(app.view_functions[rule.endpoint], "permission", None)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


@pytest.fixture
def existing_ids(desk: Desk) -> dict[str, str]:
    """Ids of one row of each kind, by their name in the tables."""
    lead, patient = desk.capture(), str(uuid4())
    became = desk.capture(phone="+12125550144")
    done = desk.admin.post(f"/api/leads/{became['id']}/convert", {"converted_to_patient_id": patient})
    logged = desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "They called."})
    assert (done.status, logged.status) == (200, 201), (done.body, logged.body)
    return {
        "lead": lead["id"],
        "task": desk.plan(lead)["id"],
        "activity": logged.body["id"],
        "patient": patient,
        "source": desk.source_id,
        "stage": desk.admin.every("/api/pipeline-stages")[0]["id"],
        "rule": desk.admin.every("/api/follow-up-rules")[0]["id"],
    }


def body_of(row: Published, desk: Desk, existing_ids: dict[str, str]) -> Any:
    """Return the body to send, or None."""
    task = {**CALL, "due_at": TOMORROW}
    stages = desk.admin.every("/api/pipeline-stages")
    bodies: dict[str, Any] = {
        "POST /api/leads": desk.lead_data(phone="+12125550145"),
        "PUT /api/leads/{lead}": {"notes": "x"},
        "POST /api/leads/{lead}/stage": {"stage": "contacted"},
        "POST /api/leads/{lead}/assign": {"assigned_to_id": desk.coordinator.id},
        "POST /api/leads/{lead}/convert": {"converted_to_patient_id": str(uuid4())},
        "POST /api/leads/{lead}/lost": {"reason": "OTHER"},
        "POST /api/leads/{lead}/activities": {"type": "PHONE_CALL", "outcome": "voicemail"},
        "POST /api/leads/{lead}/tasks": task,
        "PUT /api/leads/tasks/{task}": {"title": "Call again"},
        "POST /api/lead-sources": {"name": "A fair", "category": "COMMUNITY_EVENT"},
        "PUT /api/lead-sources/{source}": {"name": "A fair", "category": "COMMUNITY_EVENT"},
        "POST /api/pipeline-stages": {"name": "Insurance check", "slug": "insurance_check"},
        "PUT /api/pipeline-stages/{stage}": {"name": "Just in", "is_default": True},
        "PUT /api/pipeline-stages/reorder": {"slugs": [stage["slug"] for stage in stages]},
        "POST /api/follow-up-rules": {"name": "x", "on": "lead.created", "do": [{"create_task": CALL}]},
        "PATCH /api/follow-up-rules/{rule}": {"description": "x"},
        "POST /api/follow-up-rules/{rule}/test": {},
        "POST /api/lead-activities": {"opportunity_id": existing_ids["lead"], "activity_type": "note", "subject": "x"},
    }
    return bodies.get(row.name)


def call(desk: Desk, row: Published, existing_ids: dict[str, str]) -> Answer:
    body = body_of(row, desk, existing_ids)
    with_body = {} if body is None else {"json": body}
    return desk.admin._send(row.method, row.path.format(**existing_ids), headers={"If-Match": "*"}, **with_body)


def test_tables_are_complete():
    assert dict(zip(TABLES, map(len, ROWS), strict=True)) == TABLES


def test_no_path_is_missing():
    routes = permissions()
    assert {row.name for row in PUBLISHED if (row.method, without_names(row.path)) not in routes} == set()


def test_each_path_requires_the_permission_of_its_table():
    routes = permissions()
    asked = {row: routes[row.method, without_names(row.path)] for row in PUBLISHED}
    assert all(isinstance(permission, Permission) for permission in asked.values()), asked
    assert {row.name: str(permission) for row, permission in asked.items()} == {
        row.name: row.permission for row in PUBLISHED
    }


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_path_answers_for_existing_rows(desk: Desk, existing_ids: dict[str, str], row: Published):
    answer = call(desk, row, existing_ids)
    assert 200 <= answer.status < 300, answer.body
