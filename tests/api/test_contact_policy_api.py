"""Contact policy of a clinic: how often and when leads are contacted."""

from typing import Any

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/settings/contact-policy"
DEFAULTS: dict[str, Any] = {
    "daily_cap": None,
    "weekly_cap": None,
    "per_sequence_cap": None,
    "minimum_interval": None,
    "window": None,
    "business_hours_only": False,
    "weekends": True,
    "holidays": True,
    "breaker": {"min_messages": 50, "failures": 0.2, "bounces": 0.05, "opt_outs": 0.03},
}
CAREFUL = {
    "daily_cap": 1,
    "weekly_cap": 3,
    "per_sequence_cap": 5,
    "minimum_interval": "4 hours",
    "window": "1 day 4 hours",
    "business_hours_only": True,
    "weekends": False,
    "holidays": False,
    "breaker": {"min_messages": 10, "failures": 0.5, "bounces": None, "opt_outs": 0.01},
}


def test_new_clinic_has_no_limits(desk: Desk):
    answer = desk.doctor.get(PATH)
    assert (answer.status, answer.body) == (200, {**DEFAULTS, "version": 1})


def test_policy_is_returned_with_defaults_for_missing_fields(desk: Desk, other_desk: Desk):
    assert desk.admin.put(PATH, CAREFUL).body == {**CAREFUL, "version": 2}
    assert desk.coordinator.get(PATH).body == {**CAREFUL, "version": 2}
    assert desk.admin.put(PATH, {"daily_cap": 2}).body == {**DEFAULTS, "daily_cap": 2, "version": 3}
    assert other_desk.admin.get(PATH).body == {**DEFAULTS, "version": 1}


def test_breaker_can_be_disabled_and_has_defaults(desk: Desk):
    assert desk.admin.put(PATH, {"breaker": None}).body == {**DEFAULTS, "breaker": None, "version": 2}
    set_up = {**DEFAULTS["breaker"], "failures": 0.1}
    assert desk.admin.put(PATH, {"breaker": {"failures": 0.1}}).body == {**DEFAULTS, "breaker": set_up, "version": 3}
    assert desk.coordinator.get(PATH).body["breaker"] == set_up


def test_stale_update_is_refused(desk: Desk):
    seen = desk.admin.get(PATH).headers["ETag"]
    assert desk.admin.put(PATH, {"daily_cap": 2}, seen=seen).status == 200
    assert desk.admin.put(PATH, {"daily_cap": 3}, seen=seen).status == 412
    assert desk.admin.put(PATH, {"daily_cap": 3}, seen=None).status == 428
    assert desk.admin.get(PATH).body["daily_cap"] == 2


def test_automation_managers_can_change_the_policy(desk: Desk):
    assert desk.coordinator.put(PATH, CAREFUL).status == 403
    assert desk.program("automation:manage").put(PATH, CAREFUL).status == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"daily_cap": 0}, "/daily_cap"),
        ({"daily_cap": 101}, "/daily_cap"),
        ({"weekly_cap": "3"}, "/weekly_cap"),
        ({"per_sequence_cap": True}, "/per_sequence_cap"),
        ({"minimum_interval": "soon"}, "/minimum_interval"),
        ({"minimum_interval": "59 seconds"}, "/minimum_interval"),
        ({"window": "91 days"}, "/window"),
        ({"window": 24}, "/window"),
        ({"weekends": "no"}, "/weekends"),
        ({"quiet": None}, "/quiet"),
        ({"breaker": {"failures": 1.1}}, "/breaker/failures"),
        ({"breaker": {"bounces": -0.1}}, "/breaker/bounces"),
        ({"breaker": {"opt_outs": "0.1"}}, "/breaker/opt_outs"),
        ({"breaker": {"opt_outs": True}}, "/breaker/opt_outs"),
        ({"breaker": {"min_messages": 0}}, "/breaker/min_messages"),
        ({"breaker": {"limit": 1}}, "/breaker/limit"),
        ({"breaker": 0.2}, "/breaker"),
        ({"version": 1}, "/version"),
    ],
)
def test_validation_error_names_the_path_and_nothing_is_written(desk: Desk, body: dict[str, Any], pointer: str):
    assert desk.admin.put(PATH, {**CAREFUL, **body}).pointers == [pointer]
    assert desk.admin.get(PATH).body["version"] == 1


def test_change_is_in_the_audit_log(desk: Desk):
    desk.admin.put(PATH, CAREFUL)
    [entry] = desk.admin.every("/api/audit", subject="clinic")
    assert (entry["act"], entry["user_id"]) == ("update", desk.admin.id)
    assert entry["after"]["contact_policy"] == CAREFUL
