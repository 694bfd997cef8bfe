"""Settings of follow-ups over REST: when leads are stale, and how tasks for many leads are spread."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Desk
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

PATH = "/api/settings/follow-ups"
DEFAULTS = {"stale_after_days": 14, "spread_tasks_per_hour": 6, "keep_history_days": None}


def test_new_clinic_has_the_default_settings(desk: Desk):
    answer = desk.doctor.get(PATH)
    assert (answer.status, answer.body) == (200, {**DEFAULTS, "version": 1})


def test_put_replaces_and_patch_merges(desk: Desk, other_desk: Desk):
    assert desk.admin.put(PATH, {"spread_tasks_per_hour": 4}).body == {
        **DEFAULTS,
        "spread_tasks_per_hour": 4,
        "version": 2,
    }
    changed = {**DEFAULTS, "stale_after_days": 30, "spread_tasks_per_hour": 4, "version": 3}
    assert desk.admin.patch(PATH, {"stale_after_days": 30}, seen='"2"').body == changed
    assert desk.admin.patch(PATH, {"stale_after_days": 31}, seen='"2"').status == 412
    assert desk.admin.get(PATH).body == changed
    assert other_desk.admin.get(PATH).body == {**DEFAULTS, "version": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stale_after_days", 0),
        ("stale_after_days", 366),
        ("stale_after_days", None),
        ("spread_tasks_per_hour", 0),
        ("spread_tasks_per_hour", 61),
        ("spread_tasks_per_hour", "6"),
        ("rules_version", 1),
    ],
)
def test_invalid_setting_is_refused(desk: Desk, field: str, value: Any):
    for answer in (desk.admin.put(PATH, {field: value}), desk.admin.patch(PATH, {field: value})):
        assert (answer.status, answer.pointers) == (422, [f"/{field}"])


def test_change_needs_the_permission_of_automation(desk: Desk):
    for role in (Role.MARKETING_MANAGER, Role.TREATMENT_COORDINATOR):
        assert desk.caller(role).patch(PATH, {"stale_after_days": 30}).status == 403


def test_rotting_dates_follow_the_limit(desk: Desk):
    lead = desk.capture()
    before = desk.lead(lead)["rots_at"]
    desk.admin.patch(PATH, {"stale_after_days": 1})
    assert sweep("date_rotting_leads") == 1
    assert desk.lead(lead)["rots_at"] < before
    assert desk.capture(phone="+12125550144")["rots_at"] < before
