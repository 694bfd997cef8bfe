"""Permissions: every route declares one, and every role is limited to its own."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from flask import Flask

from app.api.console.pages import SECTIONS
from app.http.access import PUBLIC, SIGNED_IN
from app.identity.models import Role
from app.identity.permissions import ROLE_GRANTS, Permission
from tests.support.desk import Caller, Desk, the_app

pytest_plugins = ["tests.support.desk"]

# Add each new public route here, and give the reason in the commit.
FOR_EVERYBODY = {
    "DELETE /api/auth/browser-session",  # the cookie is the credential
    "POST /api/auth/browser-session",
    "POST /api/auth/browser-session/refresh",  # the cookie is the credential
    "POST /api/auth/login",
    "POST /api/auth/password",  # the link's token is the credential
    "POST /api/auth/password-link",
    "POST /api/auth/refresh",
    "GET /account/password",
    "GET /account/password/<name>",
    "GET /preferences/<token>",  # the signed link is the credential
    "GET /preferences/style.css",
    "POST /preferences/<token>",
    "GET /t/c/<token>",  # the signed id is the credential
    "GET /t/o/<token>",
    "GET /unsubscribe/<token>",
    "POST /unsubscribe/<token>",
    "POST /api/gateways/<uuid:gateway_id>/events",  # the signature is the credential
    "POST /api/inbound/<provider>/<uuid:hook_id>",  # the provider's signature, or a password
    "POST /api/channels/<provider>/<uuid:account_id>/events",  # the provider's signature
    "GET /api/channels/<provider>/<uuid:account_id>/events",  # a token that the clinic chose
    "POST /api/public/forms/<key>/leads",
    "GET /",  # the console: its code, no data
    f"GET /<any({', '.join(SECTIONS)}):section>",
    f"GET /<any({', '.join(SECTIONS)}):section>/<path:rest>",
    "GET /console/<path:name>",
    "GET /docs",
    "GET /docs/<name>",
    "GET /livez",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
}
FOR_ALL_SIGNED_IN = {
    "GET /api/me/destinations",
    "GET /api/me/destinations/<uuid:destination_id>",
    "GET /api/me/destinations/web-push-key",
    "POST /api/me/destinations",
    "POST /api/me/destinations/<uuid:destination_id>/test",
    "PATCH /api/me/destinations/<uuid:destination_id>",
    "DELETE /api/me/destinations/<uuid:destination_id>",
    "GET /api/me/sessions",
    "DELETE /api/me/sessions/<uuid:session_id>",
    "POST /api/me/sessions/end-others",
    "GET /api/me/notice-preferences",
    "PATCH /api/me/notice-preferences",
    "GET /api/me",
    "GET /api/stream",
    "GET /api/notifications/mine",
    "GET /api/notifications/mine/unread",
    "POST /api/auth/change-password",
    "POST /api/auth/logout",
    "POST /api/notifications/<uuid:notification_id>/read",
    "POST /api/notifications/mine/read",
}

STAFF = {"GET /api/users", "GET /api/users/<uuid:user_id>"}  # a program needs a second permission
FOR_PEOPLE_ONLY = {"GET /api/leads/tasks/my-tasks"}  # a program has no tasks

WORKING = {Role.FRONT_DESK, Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.SALES}  # with leads

# lead-management.md, "Access Control"; a permission a role is not named with, it does not have.
MAY = {
    Permission.LEAD_READ: set(Role),
    Permission.LEAD_CREATE: {*WORKING, Role.DISPATCHER},
    Permission.LEAD_IMPORT: {Role.FRONT_DESK, Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN},
    Permission.LEAD_UPDATE: WORKING,
    Permission.LEAD_ASSIGN: {Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.DISPATCHER},
    Permission.LEAD_CONVERT: {Role.TREATMENT_COORDINATOR, Role.CLINIC_ADMIN, Role.MANAGER, Role.SALES},
    Permission.LEAD_PRIVATE: {*WORKING, Role.DOCTOR},
    Permission.LEAD_EMERGENCY: {Role.CLINIC_ADMIN, Role.MANAGER, Role.DISPATCHER},
    Permission.LEAD_CONFIGURE: {Role.MARKETING_MANAGER, Role.CLINIC_ADMIN},
    Permission.LEAD_ANALYTICS: {Role.MARKETING_MANAGER, Role.DOCTOR, Role.CLINIC_ADMIN, Role.MANAGER},
    Permission.NOTIFICATION_MANAGE: {Role.CLINIC_ADMIN},
    # simplepro-follow-up-automation.md, "Follow-up Rules API": admins and dispatchers see the rules
    Permission.AUTOMATION_READ: {Role.CLINIC_ADMIN, Role.DISPATCHER, Role.MANAGER, Role.MARKETING_MANAGER},
    Permission.AUTOMATION_MANAGE: {Role.CLINIC_ADMIN},  # a clinic can add a role for others: docs/decisions.md
    Permission.PRIVACY_MANAGE: {Role.CLINIC_ADMIN},
    Permission.AUDIT_READ: {Role.CLINIC_ADMIN},
    Permission.USER_MANAGE: {Role.CLINIC_ADMIN},
}


class Route(NamedTuple):
    method: str
    rule: str
    permission: Any
    also: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    def call(self, caller: Caller) -> int:
        """Call with unknown ids and a body that is no JSON, so that a permitted call has no effect."""
        path = re.sub(r"<uuid:\w+>", lambda _: str(uuid4()), self.rule)
        body = {} if self.method in {"GET", "DELETE"} else {"data": b"?", "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        return caller.client.open(path, method=self.method, headers=headers, **body).status_code


def routes(app: Flask) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            view = app.view_functions[rule.endpoint]
            yield Route(method, rule.rule, *(getattr(view, name, None) for name in ("permission", "also_permission")))


ROUTES = sorted(routes(the_app()), key=str)
GUARDED = [route for route in ROUTES if isinstance(route.permission, Permission)]


def test_every_route_declares_its_permission():
    assert [str(route) for route in ROUTES if route.permission is None] == []


def test_public_routes_are_listed():
    assert {str(route) for route in ROUTES if route.permission is PUBLIC} == FOR_EVERYBODY
    assert {str(route) for route in ROUTES if route.permission is SIGNED_IN} == FOR_ALL_SIGNED_IN


def test_roles_have_the_permissions_of_the_matrix():
    assert set(MAY) == set(Permission)
    for role in Role:
        assert set(ROLE_GRANTS[role]) == {permission for permission, roles in MAY.items() if role in roles}, role


@pytest.mark.parametrize("role", Role)
def test_each_role_can_call_its_routes_only(desk: Desk, role: Role):
    caller = desk.caller(role)
    refused = {str(route) for route in GUARDED if route.call(caller) == 403}
    assert refused == {
        str(route) for route in GUARDED if role not in MAY[route.permission] | MAY.get(route.also, set())
    }


@pytest.mark.parametrize("scope", Permission)
def test_key_can_call_routes_of_its_scopes_only(desk: Desk, scope: Permission):
    key = desk.admin.post("/api/api-keys", {"name": "robot", "scopes": [scope.value]}).body["key"]
    robot = Caller(desk.admin.client, key, desk.admin.actor)
    allowed = {str(route) for route in GUARDED if route.call(robot) not in {401, 403}}
    assert (
        allowed
        == {str(route) for route in GUARDED if scope in {route.permission, route.also}} - FOR_PEOPLE_ONLY - STAFF
    )


def test_anonymous_caller_can_call_public_routes_only(desk: Desk):
    stranger = Caller(desk.admin.client, "", desk.admin.actor)
    answers = {str(route): route.call(stranger) for route in ROUTES if route.permission is not PUBLIC}
    assert set(answers.values()) == {401}, answers


def test_forbidden_call_reveals_nothing(desk: Desk):
    """The answer is 403 before the path's ids or the body are validated."""
    lead = desk.capture()
    known = desk.doctor.put(f"/api/leads/{lead['id']}", {"nonsense": 1})
    unknown = desk.doctor.put(f"/api/leads/{uuid4()}", {"nonsense": 1})
    assert (known.status, unknown.status) == (403, 403)
    assert known.body["detail"] == unknown.body["detail"]


def test_program_sees_the_staff_only_if_it_assigns_leads_or_manages_users(desk: Desk):
    path = f"/api/users/{desk.admin.id}"
    reader = desk.program("lead:read")
    assert [reader.get(one).status for one in ("/api/users", path)] == [403, 403]
    for scope in ("lead:assign", "user:manage"):
        program = desk.program("lead:read", scope)
        assert [program.get(one).status for one in ("/api/users", path)] == [200, 200]
    assert desk.front_desk.get("/api/users").status == 200
