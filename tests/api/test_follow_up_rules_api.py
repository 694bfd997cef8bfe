"""Rules over REST: drafts, publication, rollback, comparison and dry run."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

RULES = "/api/follow-up-rules"
CALL = {"create_task": {"type": "CALL", "title": "Call new website lead", "due": {"after": "10 minutes"}}}
# simplepro-follow-up-automation.md, rule 1
WEBSITE: dict[str, Any] = {
    "name": "website-lead",
    "on": "lead.created",
    "when": [{"field": "lead.source_category", "in": ["WEB_ORGANIC", "WEB_PAID"]}],
    "after": "1 hour",
    "do": [CALL],
}


def make(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post(RULES, {**WEBSITE, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def test_rule_applies_from_the_next_event(desk: Desk):
    before = desk.capture()
    rule = make(desk, when=[])
    after = desk.capture()
    assert (rule["is_active"], rule["published_version"], rule["playbook"]) == (True, 1, None)
    assert desk.steps(before, name="website-lead") == []
    [step] = desk.steps(after, name="website-lead")
    assert (step["cause"]["rule_id"], step["cause"]["rule_version"]) == (rule["id"], 1)


def test_facts_missing_in_the_event_are_loaded(desk: Desk):
    """The source's category, tags, value, score and custom fields."""
    field = {"key": "budget", "label": "Budget", "type": "number"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    asked = [
        {"field": "lead.tags", "contains": "Urgent"},
        {"field": "lead.value", "greater_than": 100},
        {"field": "lead.score", "greater_than": 79},
        {"field": "lead.custom.budget", "less_than": 5000},
        {"field": "lead.source_category", "exists": True},
    ]
    make(desk, when=asked)
    fits = desk.capture(tags=["urgent"], lead_value="100.50", score=80, custom={"budget": 4999})
    fits_not = desk.capture(tags=["urgent"], lead_value="100.50", score=80, custom={"budget": 5000})
    assert len(desk.steps(fits, name="website-lead")) == 1
    assert desk.steps(fits_not, name="website-lead") == []


@pytest.mark.parametrize("field", ["lead.source_id", "lead.assigned_to_id"])
def test_conditions_accept_ids_of_the_clinic_only(desk: Desk, other_desk: Desk, field: str):
    own, foreign = ((one.source_id if field == "lead.source_id" else one.coordinator.id) for one in (desk, other_desk))
    make(desk, when=[{"field": field, "in": [own]}])
    for unknown in (foreign, str(uuid4())):
        given = {**WEBSITE, "name": "other", "when": [{"field": field, "in": [own, unknown]}]}
        assert desk.admin.post(RULES, given).pointers == ["/when/0/in/1"]


def test_planned_step_keeps_its_rule_version(desk: Desk):
    rule = make(desk, when=[])
    lead = desk.capture()
    changed = desk.admin.patch(f"{RULES}/{rule['id']}", {"after": "2 hours"})
    assert (changed.status, changed.body["published_version"]) == (200, 2)
    [first] = desk.steps(lead, name="website-lead")
    [second] = desk.steps(desk.capture(), name="website-lead")
    assert (first["cause"]["rule_version"], second["cause"]["rule_version"]) == (1, 2)


def test_draft_has_no_effect_until_published(desk: Desk):
    rule = make(desk, when=[])
    path = f"{RULES}/{rule['id']}"
    drafted = desk.admin.patch(path, {"after": "3 hours", "is_draft": True}).body
    assert (drafted["published_version"], drafted["definition"]["after"], drafted["draft"]["after"]) == (
        *(1, "1 hour", "3 hours"),
    )
    [step] = desk.steps(desk.capture(), name="website-lead")
    assert step["cause"]["rule_version"] == 1
    published = desk.admin.post(f"{path}/publish").body
    assert (published["published_version"], published["definition"]["after"], published["draft"]) == (
        2,
        "3 hours",
        None,
    )
    assert desk.admin.post(f"{path}/publish").status == 409


def test_rule_can_be_created_as_a_draft(desk: Desk):
    rule = make(desk, when=[], is_draft=True)
    assert (rule["is_active"], rule["published_version"], rule["definition"]) == (False, None, None)
    assert desk.steps(desk.capture(), name="website-lead") == []
    assert desk.admin.patch(f"{RULES}/{rule['id']}", {"is_active": True}).status == 409
    assert desk.admin.post(f"{RULES}/{rule['id']}/publish").body["is_active"] is True
    assert len(desk.steps(desk.capture(), name="website-lead")) == 1


def test_rollback_creates_a_new_version_of_the_old_text(desk: Desk):
    path = f"{RULES}/{make(desk)['id']}"
    desk.admin.patch(path, {"after": "2 hours"})
    back = desk.admin.post(f"{path}/rollback", {"number": 1}).body
    assert (back["published_version"], back["definition"]["after"]) == (3, "1 hour")
    versions = desk.admin.get(f"{path}/versions").body["items"]
    assert [(one["number"], one["state"]) for one in versions] == [(3, "published"), (2, "retired"), (1, "retired")]
    assert desk.admin.post(f"{path}/rollback", {"number": 9}).status == 404


def test_comparison_without_parameters_shows_the_last_change(desk: Desk):
    path = f"{RULES}/{make(desk)['id']}"
    first = desk.admin.get(f"{path}/diff").body
    assert (first["before"], first["after"]) == (None, 1)
    assert {one["change"] for one in first["differences"]} == {"added"}
    for after in ("2 hours", "3 hours"):
        desk.admin.patch(path, {"after": after})
    changed = {"change": "changed", "pointer": "/after", "before": "2 hours", "after": "3 hours"}
    assert desk.admin.get(f"{path}/diff").body == {"before": 2, "after": 3, "differences": [changed]}
    desk.admin.patch(path, {"after": "4 hours", "is_draft": True})
    drafted = {**changed, "before": "3 hours", "after": "4 hours"}
    assert desk.admin.get(f"{path}/diff").body == {"before": 3, "after": None, "differences": [drafted]}
    assert desk.admin.get(f"{path}/diff", after=1).body["before"] == 3


def test_draft_of_an_unpublished_rule_is_compared_with_nothing(desk: Desk):
    path = f"{RULES}/{make(desk, is_draft=True)['id']}"
    compared = desk.admin.get(f"{path}/diff").body
    assert (compared["before"], compared["after"], compared["differences"] != []) == (None, None, True)


def test_two_versions_are_compared_by_path(desk: Desk):
    path = f"{RULES}/{make(desk)['id']}"
    shorter = [{**CALL["create_task"], "title": "Call"}]
    desk.admin.patch(path, {"do": [{"create_task": shorter[0]}], "after": None, "stop_on": ["lead.replied"]})
    assert desk.admin.get(f"{path}/diff", before=1, after=2).body["differences"] == [
        {"change": "removed", "pointer": "/after", "before": "1 hour", "after": None},
        {
            "change": "changed",
            "pointer": "/do/0/create_task/title",
            "before": "Call new website lead",
            "after": "Call",
        },
        {"change": "added", "pointer": "/stop_on", "before": None, "after": ["lead.replied"]},
    ]


@pytest.mark.parametrize(
    ("change", "pointers", "says"),
    [
        ({"on": "lead.creatd"}, ["/on/0"], "did you mean 'lead.created'?"),
        ({"when": [{"field": "lead.statsu", "equals": "NEW"}]}, ["/when/0/field"], "did you mean 'lead.status'?"),
        ({"when": [{"field": "lead.status", "equals": "NEWW"}]}, ["/when/0/equals"], "did you mean 'NEW'?"),
        ({"when": [{"field": "lead.score", "equals": "high"}]}, ["/when/0/equals"], "must be a number"),
        ({"when": [{"field": "lead.custom.budget", "equals": "much"}]}, ["/when/0/equals"], "must be a number"),
        ({"when": [{"field": "lead.pipeline_stage", "equals": "contactd"}]}, ["/when/0/equals"],
         "did you mean 'contacted'?"),
        ({"only_if": [{"field": "lead.pipeline_stage", "in": ["contacted", "won"]}]}, ["/only_if/0/in/1"],
         "is not known"),
        ({"when": [{"field": "lead.custom.budgt", "exists": True}]}, ["/when/0/field"], "lead.custom.budget"),
        ({"do": [{"create_task": {"type": "CAL", "title": "x"}}]}, ["/do/0/create_task/type"], "did you mean 'CALL'?"),
        ({"do": [{"send_message": {"channel": "email", "template": "break-up-emial"}}]},
         ["/do/0/send_message/template"], "did you mean 'break-up-email'?"),
        ({"do": [{"change_stage": {"stage": "contactd"}}]}, ["/do/0/change_stage/stage"], "did you mean 'contacted'?"),
        ({"after": "1 fortnight"}, ["/after"], "unknown unit"),
        ({"name": "Website Lead"}, ["/name"], "must be a slug"),
        ({"priority": 0, "do": []}, ["/do", "/priority"], "from 1 to 1000"),
        ({"clinic_id": str(uuid4())}, ["/clinic_id"], ""),
        ({"is_active": "yes"}, ["/is_active"], ""),
    ],
)  # fmt: skip
def test_validation_error_names_the_path_and_nothing_is_written(
    desk: Desk, change: dict[str, Any], pointers: list[str], says: str
):
    desk.admin.post("/api/custom-fields", {"key": "budget", "label": "Budget", "type": "number"})
    before = len(desk.admin.every(RULES))
    refused = desk.admin.post(RULES, {**WEBSITE, **change})
    assert refused.pointers == pointers
    assert says in " ".join(error["message"] for error in refused.body["errors"])
    assert len(desk.admin.every(RULES)) == before


def test_name_is_unique_and_free_again_after_deletion(desk: Desk):
    rule = make(desk)
    assert desk.admin.post(RULES, WEBSITE).status == 409
    assert desk.admin.patch(f"{RULES}/{rule['id']}", {"name": "another"}).pointers == ["/name"]
    assert desk.admin.delete(f"{RULES}/{rule['id']}").status == 204
    assert desk.admin.get(f"{RULES}/{rule['id']}").status == 404
    make(desk)


def test_stale_update_is_refused(desk: Desk):
    rule = make(desk)
    path = f"{RULES}/{rule['id']}"
    tag = desk.admin.get(path).headers["ETag"]
    assert desk.admin.patch(path, {"after": "2 hours"}, seen=tag).status == 200
    assert desk.admin.patch(path, {"after": "3 hours"}, seen=tag).status == 412
    assert desk.admin.patch(path, {"after": "3 hours"}, seen=None).status == 428
    assert desk.admin.patch(path, {}).status == 422


def test_rules_of_the_playbook_are_listed_by_name(desk: Desk):
    rules = desk.admin.every(RULES)
    assert [rule["name"] for rule in rules] == sorted(rule["name"] for rule in rules)
    assert {rule["playbook"] for rule in rules} == {"orthodontics"}
    off = desk.admin.patch(f"{RULES}/{rules[0]['id']}", {"is_active": False}).body
    assert off["is_active"] is False
    assert rules[0]["name"] not in {rule["name"] for rule in desk.admin.every(f"{RULES}/active")}
    assert [rule["name"] for rule in desk.admin.every(RULES, is_active="false")] == [rules[0]["name"]]


def test_dispatchers_can_read_rules_only(desk: Desk):
    rule = make(desk)
    dispatcher = desk.caller(Role.DISPATCHER)
    assert dispatcher.get(f"{RULES}/{rule['id']}").status == 200
    assert dispatcher.patch(f"{RULES}/{rule['id']}", {"after": "2 hours"}).status == 403
    assert desk.caller(Role.SALES).get(RULES).status == 403


def test_rule_can_be_tried_with_sample_facts(desk: Desk):
    rule = make(desk, after={"time": "1 hour", "clock": "business"})
    at = "2026-03-13T21:30:00Z"  # a Friday, 17:30 in New York
    tried = desk.admin.post(
        f"{RULES}/{rule['id']}/test", {"facts": {"lead.source_category": "WEB_PAID"}, "at": at}
    ).body
    assert (tried["matches"], tried["verdict"], tried["version"]) == (True, "matched", 1)
    assert tried["conditions"] == [{"condition": WEBSITE["when"][0], "value": "WEB_PAID", "holds": True}]
    [step] = tried["steps"]
    assert (step["wanted_at"], step["local_time"]) == ("2026-03-13T22:30:00Z", "2026-03-16T09:30:00-04:00")
    assert [move["by"] for move in step["moves"]] == ["opening_hours"]


def test_rule_can_be_tried_with_a_real_lead_without_writing(desk: Desk):
    rule = make(desk, when=[{"field": "lead.tags", "contains": "vip"}, {"field": "lead.status", "equals": "NEW"}])
    lead = desk.capture(tags=["other"])
    tables = ("steps", "events", "lead_tasks", "notifications")
    before = [desk.sql(f"SELECT count(*) FROM {table}") for table in tables]
    tried = desk.admin.post(f"{RULES}/{rule['id']}/test", {"lead_id": lead["id"]}).body
    assert (tried["matches"], tried["verdict"], tried["steps"]) == (False, "unmet", [])
    assert [(one["value"], one["holds"]) for one in tried["conditions"]] == [(["other"], False), ("NEW", True)]
    as_if = {"lead_id": lead["id"], "facts": {"lead.tags": ["vip"]}}
    assert desk.admin.post(f"{RULES}/{rule['id']}/test", as_if).body["matches"] is True
    assert [desk.sql(f"SELECT count(*) FROM {table}") for table in tables] == before


def test_dry_run_says_whether_a_message_would_reach_the_lead(desk: Desk):
    send = {"send_message": {"channel": "email", "template": "break-up-email"}}
    rule = make(desk, when=[], do=[send])
    lead = desk.capture(email="ana@lead.example")
    asked = {"lead_id": lead["id"], "at": "2026-03-10T14:00:00Z"}
    [step] = desk.admin.post(f"{RULES}/{rule['id']}/test", asked).body["steps"]
    assert (step["gate"]["verdict"], step["gate"]["reason"]) == ("allowed", None)
    desk.admin.put("/api/settings/contact-policy", {"weekends": False})
    saturday = {**asked, "at": "2026-03-14T14:00:00Z"}
    [step] = desk.admin.post(f"{RULES}/{rule['id']}/test", saturday).body["steps"]
    assert (step["gate"]["verdict"], step["gate"]["reason"]) == ("later", "weekend")
    desk.admin.post(f"/api/leads/{lead['id']}/opt-out")
    [step] = desk.admin.post(f"{RULES}/{rule['id']}/test", asked).body["steps"]
    assert (step["gate"]["verdict"], step["gate"]["reason"]) == ("never", "opted_out")


def test_dry_run_names_the_durations_of_the_contact_policy(desk: Desk):
    desk.admin.put("/api/settings/contact-policy", {"window": "1 day", "minimum_interval": "4 hours"})
    rule = make(desk, when=[], do=[{"send_message": {"channel": "email", "template": "break-up-email"}}])
    asked = {"lead_id": desk.capture(email="ana@lead.example")["id"], "at": "2026-03-10T14:00:00Z"}
    tried = desk.admin.post(f"{RULES}/{rule['id']}/test", asked)
    assert tried.status == 200
    facts = [value for check in tried.body["steps"][0]["gate"]["checks"] for value in check["looked_at"].values()]
    assert {"1 day", "4 hours"} <= {value for value in facts if isinstance(value, str)}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"event": "lead.lost"}, "/event"),
        ({"facts": {"lead.nonsense": 1}}, "/facts/lead.nonsense"),
        ({"facts": {"lead.contacted_at": "yesterday"}}, "/facts/lead.contacted_at"),
        ({"facts": {"lead.contacted_at": "2026-03-10T09:00:00"}}, "/facts/lead.contacted_at"),
        ({"facts": {"lead.contacted_at": "9999-12-31T23:59:59-14:00"}}, "/facts/lead.contacted_at"),
        ({"facts": {"lead.contacted_at": "0001-01-01T00:00:00+14:00"}}, "/facts/lead.contacted_at"),
        ({"what": 1}, "/what"),
    ],
)
def test_invalid_dry_run_is_refused_with_its_path(desk: Desk, given: dict[str, Any], pointer: str):
    assert desk.admin.post(f"{RULES}/{make(desk)['id']}/test", given).pointers == [pointer]


def test_lead_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    rule = make(desk)
    assert (
        desk.admin.post(
            f"{RULES}/{rule['id']}/test", {"lead_id": other_desk.capture(phone="+34612345678")["id"]}
        ).status
        == 404
    )


def test_draft_is_used_for_the_dry_run(desk: Desk):
    rule = make(desk)
    desk.admin.patch(f"{RULES}/{rule['id']}", {"when": [], "is_draft": True})
    tried = desk.admin.post(f"{RULES}/{rule['id']}/test", {}).body
    assert (tried["matches"], tried["version"]) == (True, None)


def test_impact_of_a_rule_is_shown_before_publication(desk: Desk):
    for score in (10, 90, 95):
        desk.capture(score=score)
    opted_out = desk.capture(score=99)
    desk.admin.post(f"/api/leads/{opted_out['id']}/opt-out")
    break_up = {"send_message": {"channel": "email", "template": "break-up-email"}}
    rule = make(desk, when=[{"field": "lead.score", "greater_than": 80}], do=[CALL, break_up], is_draft=True)
    told = desk.admin.get(f"{RULES}/{rule['id']}/impact", days=7).body
    assert (told["events"], told["matched"], told["leads"], told["is_complete"]) == (4, 3, 3, True)
    assert told["steps"] == {"create_task": 3, "send_message": 3}
    assert told["blocked"] == {"opted_out": 1, "no_address": 2}
    assert told["unmet"] == [
        {"verdict": "unmet", "condition": {"field": "lead.score", "greater_than": 80}, "events": 1}
    ]
    assert opted_out["id"] in told["lead_ids"]
    assert desk.admin.get(f"{RULES}/{rule['id']}/impact", days=0).status == 422


def test_planned_steps_of_a_rule_can_be_cancelled(desk: Desk):
    rule = make(desk, when=[])
    leads = [desk.capture() for _ in range(3)]
    assert desk.admin.post(f"{RULES}/{rule['id']}/cancel-pending").body == {"cancelled": 3}
    assert desk.admin.post(f"{RULES}/{rule['id']}/cancel-pending").body == {"cancelled": 0}
    [step] = desk.steps(leads[0], name="website-lead")
    assert (step["state"], step["reason"]) == ("cancelled", "by_hand")
    assert [s["state"] for s in desk.steps(leads[0], name="no-contact-24h")] == ["planned"]
