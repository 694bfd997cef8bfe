"""Assignment rules over REST, and their dry run."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.assigning import RULES, add_rule, given_out, history, member, send_away
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

DRY_RUN = f"{RULES}/dry-run"


@pytest.fixture
def team(desk: Desk) -> list[Caller]:
    return [desk.hire(Role.TREATMENT_COORDINATOR, name) for name in ("Ana", "Ben", "Cleo")]


def names(desk: Desk) -> list[str]:
    return [rule["name"] for rule in desk.front_desk.every(RULES)]


def test_rule_is_returned_as_given(desk: Desk, team: list[Caller]):
    given = {
        "name": "Doctors' referrals",
        "is_active": False,
        "strategy": "capacity",
        "conditions": {
            "source_ids": [desk.source_id],
            "source_categories": ["DOCTOR_REFERRAL"],
            "postal_prefixes": ["100"],
            "treatment_interests": ["INVISALIGN"],
        },
        "members": [{"user_id": team[0].id, "weight": 2, "ceiling": 40}],
        "fallback_id": team[1].id,
    }
    answer = desk.caller(Role.MARKETING_MANAGER).post(RULES, given)
    assert answer.status == 201, answer.body
    assert {name: answer.body[name] for name in given} == given
    assert desk.front_desk.every(RULES) == [answer.body]


def test_missing_fields_get_defaults(desk: Desk, team: list[Caller]):
    rule = add_rule(desk, team[0])
    assert rule["members"] == [{"user_id": team[0].id, "weight": 1, "ceiling": None}]
    assert all(not named for named in rule["conditions"].values())
    assert (rule["is_active"], rule["position"], rule["fallback_id"], rule["version"]) == (True, 0, None, 1)


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"name": ""}, ["/name"]),
        ({"strategy": "random"}, ["/strategy"]),
        ({"members": []}, ["/members"]),
        ({"members": [{"user_id": str(uuid4())}]}, ["/members/0/user_id"]),
        ({"members": [{}]}, ["/members/0/user_id"]),
        ({"fallback_id": str(uuid4())}, ["/fallback_id"]),
        ({"conditions": {"source_ids": [str(uuid4())]}}, ["/conditions/source_ids/0"]),
        ({"conditions": {"source_categories": ["BILLBOARD"]}}, ["/conditions/source_categories/0"]),
        ({"conditions": {"treatment_interests": ["GOLD"]}}, ["/conditions/treatment_interests/0"]),
        ({"conditions": {"postal_prefixes": [""]}}, ["/conditions/postal_prefixes/0"]),
        ({"conditions": {"moon": "full"}}, ["/conditions/moon"]),
        ({"position": 3}, ["/position"]),
    ],
)
def test_invalid_rule_is_refused(desk: Desk, team: list[Caller], changed: dict[str, Any], pointers: list[str]):
    rule = {"name": "A rule", "strategy": "round_robin", "members": [member(team[0])], **changed}
    assert desk.admin.post(RULES, rule).pointers == pointers
    assert names(desk) == []


@pytest.mark.parametrize(("name", "value"), [("weight", 0), ("weight", 101), ("ceiling", 0), ("ceiling", 1001)])
def test_weights_and_ceilings_have_bounds(desk: Desk, team: list[Caller], name: str, value: int):
    rule = {"name": "A rule", "strategy": "capacity", "members": [member(team[0], **{name: value})]}
    assert desk.admin.post(RULES, rule).pointers == [f"/members/0/{name}"]


def test_duplicate_member_is_refused(desk: Desk, team: list[Caller]):
    rule = {"name": "A rule", "strategy": "round_robin", "members": [member(team[0]), member(team[0])]}
    assert desk.admin.post(RULES, rule).pointers == ["/members/1/user_id"]


def test_member_cannot_be_the_fallback(desk: Desk, team: list[Caller]):
    """A fallback that is a member could exceed their ceiling."""
    own = {"members": [member(team[0], ceiling=1)], "fallback_id": team[0].id}
    assert desk.admin.post(RULES, {"name": "A rule", "strategy": "round_robin", **own}).pointers == ["/fallback_id"]


def test_users_and_sources_of_another_clinic_are_unknown(desk: Desk, other_desk: Desk):
    rule = {
        "name": "A rule",
        "strategy": "round_robin",
        "members": [member(desk.coordinator), member(other_desk.coordinator)],
        "fallback_id": other_desk.admin.id,
        "conditions": {"source_ids": [other_desk.source_id]},
    }
    assert desk.admin.post(RULES, rule).pointers == ["/conditions/source_ids/0", "/fallback_id", "/members/1/user_id"]


def test_rules_can_be_reordered(desk: Desk, team: list[Caller]):
    ids = {name: add_rule(desk, team[0], name=name)["id"] for name in "abc"}
    answer = desk.admin.put(f"{RULES}/reorder", {"ids": [ids[name] for name in "cab"]})
    assert [rule["name"] for rule in answer.body["items"]] == names(desk) == ["c", "a", "b"]
    assert desk.admin.put(f"{RULES}/reorder", {"ids": [ids["a"]]}).pointers == ["/ids"]


def test_deleted_rule_leaves_no_gap_and_stays_in_the_history(desk: Desk, team: list[Caller]):
    first, _ = add_rule(desk, team[0], name="first"), add_rule(desk, team[1], name="second")
    lead = desk.capture()
    deleted = desk.admin._send("DELETE", f"{RULES}/{first['id']}", headers={"If-Match": '"1"'})
    assert deleted.status == 204
    assert [(rule["name"], rule["position"]) for rule in desk.admin.every(RULES)] == [("second", 0)]
    assert [(entry["why"], entry["rule_name"]) for entry in history(desk, lead)] == [("rule", "first")]
    assert desk.capture()["assigned_to_id"] == team[1].id


def test_edit_of_a_changed_rule_is_refused(desk: Desk, team: list[Caller]):
    rule = add_rule(desk, team[0])
    path, edit = f"{RULES}/{rule['id']}", {"name": "B", "strategy": "capacity", "members": [member(team[1])]}
    assert [desk.admin.put(path, edit, seen=seen).status for seen in (None, '"1"', '"1"')] == [428, 200, 412]
    deleted = [desk.admin._send("DELETE", path, headers=headers).status for headers in ({}, {"If-Match": '"1"'})]
    assert deleted == [428, 412]


def test_number_of_rules_is_limited(desk: Desk, team: list[Caller]):
    desk.sql(
        "INSERT INTO assignment_rules (id, clinic_id, name, is_active, position, strategy, conditions, members,"
        " created_at, updated_at, version) SELECT gen_random_uuid(), :c, 'x', false, n, 'capacity', '{}', '[]',"
        " now(), now(), 1 FROM generate_series(0, 99) AS n",
        c=desk.clinic_id,
    )
    rule = {"name": "A rule", "strategy": "round_robin", "members": [member(team[0])]}
    answer = desk.admin.post(RULES, rule)
    assert (answer.status, answer.body["code"]) == (409, "too-many-rules")


# --- dry run ---


def ask(desk: Desk, **lead: Any) -> Any:
    answer = desk.coordinator.post(DRY_RUN, lead)
    assert answer.status == 200, answer.body
    return answer.body


def test_dry_run_returns_the_assignee_and_the_reasons(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    send_away(desk, ana)
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=ben.id)
    add_rule(desk, ana, name="near", conditions={"postal_prefixes": ["100"]})
    rule = add_rule(desk, ana, ben, member(cleo, ceiling=1), member(desk.front_desk, ceiling=5), name="all")
    desk.capture(assigned_to_id=cleo.id)
    told = ask(desk, postal_code="94105")
    assert (told["assigned_to_id"], told["why"], told["rule_id"]) == (desk.front_desk.id, "rule", rule["id"])
    near, everywhere = told["rules"]
    assert (near["matches"], near["failing"], near["would_choose"]) == (False, ["postal_code"], None)
    assert (everywhere["matches"], everywhere["would_choose"]) == (True, desk.front_desk.id)
    stand = [(one["user_id"], one["obstacle"], one["open_leads"]) for one in everywhere["members"]]
    assert stand == [
        (ana.id, "out_of_office", None),
        (ben.id, "inactive", None),
        (cleo.id, "over_ceiling", 1),
        (desk.front_desk.id, None, 0),
    ]


def test_dry_run_writes_nothing_and_takes_no_turn(desk: Desk, team: list[Caller]):
    add_rule(desk, *team)
    told = [ask(desk)["assigned_to_id"] for _ in range(3)]
    assert told == [team[0].id] * 3
    assert desk.sql("SELECT 1 FROM assignment_turns") == desk.sql("SELECT 1 FROM leads") == []
    assert desk.capture()["assigned_to_id"] == team[0].id


def test_dry_run_accepts_an_existing_lead_and_a_source(desk: Desk, team: list[Caller]):
    walk_in = next(s for s in desk.admin.every("/api/lead-sources") if s["category"] == "WALK_IN")
    add_rule(desk, team[1], conditions={"source_categories": ["WALK_IN"]})
    lead = desk.capture(source_id=walk_in["id"], assigned_to_id=desk.admin.id)
    assert ask(desk, lead_id=lead["id"])["assigned_to_id"] == team[1].id
    assert ask(desk, source_id=walk_in["id"])["assigned_to_id"] == team[1].id
    assert ask(desk)["why"] == "default"


def test_dry_run_lists_the_default_rotation(desk: Desk, team: list[Caller]):
    told = desk.admin.post(DRY_RUN, {}).body
    assert (told["assigned_to_id"], told["why"], told["rules"]) == (None, "default", [])
    assert sorted(told["default_team"]) == sorted(person.id for person in team)


def test_dry_run_respects_ceilings_of_the_default_rotation(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    add_rule(desk, member(ana, ceiling=1), member(ben, ceiling=1), conditions={"postal_prefixes": ["100"]})
    for person in (ana, ben):
        desk.capture(assigned_to_id=person.id)
    told = desk.admin.post(DRY_RUN, {}).body
    assert (told["assigned_to_id"], told["why"], told["default_team"]) == (cleo.id, "default", [cleo.id])


def test_dry_run_refuses_ids_of_another_clinic(desk: Desk, other_desk: Desk):
    lead = other_desk.capture(phone="+34600111222")
    assert desk.admin.post(DRY_RUN, {"lead_id": lead["id"]}).status == 404
    assert desk.admin.post(DRY_RUN, {"source_id": other_desk.source_id}).pointers == ["/source_id"]
    assert desk.admin.post(DRY_RUN, {"lead_id": lead["id"], "postal_code": "1"}).pointers == ["/lead_id"]


# --- by hand ---


def test_manual_assignment_is_stored_with_its_reason(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    add_rule(desk, ana, name="All")
    lead = desk.capture()
    body = {"assigned_to_id": ben.id, "reason": "Speaks Spanish."}
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/assign", body).status == 200
    shown = [(e["why"], e["from_id"], e["to_id"], e["by_id"], e["reason"]) for e in history(desk, lead)]
    assert shown == [
        ("manual", ana.id, ben.id, desk.coordinator.id, "Speaks Spanish."),
        ("rule", None, ana.id, None, None),
    ]
    assert desk.timeline(lead)[0]["notes"] == "Ana → Ben: Speaks Spanish."
    assert given_out(desk) == {ben.id: 1}


def test_lead_can_be_assigned_manually_to_an_absent_user(desk: Desk, team: list[Caller]):
    send_away(desk, team[0])
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}/assign"
    assert desk.admin.post(path, {"assigned_to_id": team[0].id}).body["assigned_to_id"] == team[0].id
