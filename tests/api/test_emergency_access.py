"""Emergency access: read all leads for a limited time, with a reason; the admins are notified."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from app.clock import now
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from tests.support.smtp import SmtpServer
from workers import runner

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

PATH = "/api/auth/emergency-access"
REASON = "Patient in pain; her coordinator is away."
SECRET = "Grinds her teeth."


@pytest.fixture
def meg(desk: Desk) -> Caller:
    """A manager without a team, who sees only her own leads."""
    return desk.hire(Role.MANAGER, "Meg")


@pytest.fixture
def lead(desk: Desk) -> dict[str, Any]:
    """A lead of another user."""
    return desk.capture(assigned_to_id=desk.coordinator.id, notes=SECRET)


def start(caller: Caller, **more: Any) -> Any:
    return caller.post(PATH, {"reason": REASON, **more})


def test_emergency_access_shows_all_leads_with_health_data(desk: Desk, meg: Caller, lead: dict[str, Any]):
    path = f"/api/leads/{lead['id']}"
    assert meg.get(path).status == 404
    assert start(meg).status == 200
    assert (meg.get(path).status, meg.get(path).body["notes"]) == (200, SECRET)
    assert meg.put(path, {"city": "Lyon"}).status == 404
    dispatcher = desk.caller(Role.DISPATCHER)
    assert dispatcher.get(path).body["notes"] is None
    assert start(dispatcher).status == 200
    assert dispatcher.get(path).body["notes"] == SECRET


def test_emergency_access_ends_by_itself(meg: Caller, lead: dict[str, Any]):
    begun = now()
    assert start(meg, minutes=10).body["until"] > (begun + timedelta(minutes=9)).isoformat()
    for minutes, status in ((9, 200), (11, 404)):
        with time_machine.travel(begun + timedelta(minutes=minutes), tick=False):
            assert meg.get(f"/api/leads/{lead['id']}").status == status


def test_reason_is_required_and_audited(desk: Desk, meg: Caller):
    for body in ({}, {"reason": "short"}, {"reason": REASON, "minutes": 61}, {"reason": REASON, "minutes": 0}):
        assert meg.post(PATH, body).status == 422
    assert start(meg).status == 200
    [entry] = desk.admin.every("/api/audit", operation="auth.start_emergency_access")
    assert (entry["user_id"], entry["after"]["reason"], entry["subject"]) == (meg.id, REASON, "user")


def test_admins_are_notified_without_the_reason(desk: Desk, meg: Caller, smtp: SmtpServer):
    admins = [desk.admin, desk.hire(Role.CLINIC_ADMIN)]
    assert start(meg).status == 200
    while runner.run(Kind.DELIVER_TO_USER, []):
        pass
    assert len(smtp.received) == len(admins)
    assert all("Meg" in str(mail.message["Subject"]) for mail in smtp.received)
    assert REASON not in str([mail.message.get_content() for mail in smtp.received])
    for admin in admins:
        [message] = admin.every("/api/notifications/mine")
        assert message["template"] == "emergency-access"


def test_other_callers_cannot_start_it(desk: Desk):
    robot = desk.program("lead:read", "lead:emergency")
    callers = [desk.hire(Role.SALES), desk.caller(Role.MARKETING_MANAGER), robot]
    assert [start(one).status for one in callers] == [403, 403, 403]
