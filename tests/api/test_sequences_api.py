"""Sequences over REST: texts, versions and enrollments."""

from typing import Any

import pytest

from app.engine.models import Kind
from app.identity.models import Role
from tests.support.desk import Caller, Desk
from tests.support.enrolling import WAITING
from workers import runner

pytest_plugins = ["tests.support.desk"]


def create_sequence(desk: Desk, **parts: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/sequences", {**WAITING, **parts})
    assert answer.status == 201, answer.body
    return answer.body


def put(desk: Desk, sequence: dict[str, Any], *leads: dict[str, Any], by: Caller | None = None) -> list[str]:
    path, ids = f"/api/sequences/{sequence['id']}/enrollments", [lead["id"] for lead in leads]
    answer = (by or desk.admin).post(path, {"lead_ids": ids})
    assert answer.status == 207, answer.body
    return [one["result"] for one in answer.body["results"]]


def enrollment_of(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    """Return the lead's newest enrollment, with its steps."""
    newest = desk.admin.every(f"/api/leads/{lead['id']}/enrollments")[0]
    return desk.admin.get(f"/api/enrollments/{newest['id']}").body


def test_sequence_can_be_created_read_and_deleted(desk: Desk):
    sequence = create_sequence(desk, description="Two days.")
    assert desk.admin.get(f"/api/sequences/{sequence['id']}").body == sequence
    assert (sequence["name"], sequence["is_active"], sequence["published_version"]) == ("x", True, 1)
    assert [one["name"] for one in desk.admin.every("/api/sequences")] == ["x"]
    assert desk.admin.post("/api/sequences", WAITING).status == 409
    assert desk.admin.delete(f"/api/sequences/{sequence['id']}").status == 204
    assert desk.admin.get(f"/api/sequences/{sequence['id']}").status == 404


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"steps": []}, "/steps"),
        ({"steps": [{"name": "a", "wait": {}}]}, "/steps/0/after"),
        ({"steps": [{"name": "a", "after": "1 day", "send_mesage": {}}]}, "/steps/0/send_mesage"),
        ({"steps": [{"name": "end", "after": "1 day", "wait": {}}]}, "/steps/0/name"),
        ({"steps": [{"name": "a", "after": "1 day", "wait": {}, "next": "a"}]}, "/steps/0/next"),
        ({"steps": [{"name": "a", "branch": {"if": [], "then": "nowhere"}}]}, "/steps/0/branch/then"),
        ({"exit_on": ["lead.repleid"]}, "/exit_on/0"),
        ({"exit_on": ["task.completed"]}, "/exit_on/0"),
        ({"re_entry": "sometimes"}, "/re_entry"),
        ({"enroll": {"on": "lead.creatd"}}, "/enroll/on/0"),
        ({"exit_on_colleague": "custom.company"}, "/exit_on_colleague"),
        (
            {"steps": [{"name": "a", "after": {"time": "1 day", "of": "lead.created_at"}, "wait": {}}]},
            "/steps/0/after/of",
        ),
    ],
)
def test_validation_error_names_the_path(desk: Desk, parts: dict[str, Any], pointer: str):
    assert pointer in desk.admin.post("/api/sequences", {**WAITING, **parts}).pointers


def test_enrollment_keeps_the_version_that_it_began_with(desk: Desk):
    sequence, lead = create_sequence(desk), desk.capture()
    put(desk, sequence, lead)
    shorter = desk.admin.patch(f"/api/sequences/{sequence['id']}", {"steps": WAITING["steps"][:1]}).body
    assert shorter["published_version"] == 2
    enrollment = enrollment_of(desk, lead)
    desk.admin.post(f"/api/enrollments/{enrollment['id']}/skip")
    then = enrollment_of(desk, lead)
    assert (then["sequence_version"], then["step"], then["state"]) == (1, "two", "active")
    other = desk.capture(phone="+12125550177")
    put(desk, sequence, other)
    desk.admin.post(f"/api/enrollments/{enrollment_of(desk, other)['id']}/skip")
    assert enrollment_of(desk, other)["state"] == "completed"


def test_versions_can_be_compared_and_rolled_back(desk: Desk):
    sequence = create_sequence(desk)
    path = f"/api/sequences/{sequence['id']}"
    desk.admin.patch(path, {"steps": WAITING["steps"][:1], "is_draft": True})
    [removed] = desk.admin.get(f"{path}/diff").body["differences"]
    assert (removed["change"], removed["pointer"]) == ("removed", "/steps/1")
    assert desk.admin.post(f"{path}/publish").body["published_version"] == 2
    assert desk.admin.post(f"{path}/rollback", {"number": 1}).body["definition"] == WAITING
    assert [one["number"] for one in desk.admin.every(f"{path}/versions")] == [3, 2, 1]


def test_result_is_reported_for_each_lead(desk: Desk):
    sequence = create_sequence(desk)
    new, silent, gone = desk.capture(), desk.capture(phone="+12125550177"), {"id": sequence["id"]}
    desk.admin.post(f"/api/leads/{silent['id']}/opt-out")
    assert put(desk, sequence, new, silent, gone) == ["enrolled", "opted_out", "no_such_lead"]
    assert put(desk, sequence, new) == ["already_in"]


def test_lead_is_in_one_exclusive_sequence_at_a_time(desk: Desk):
    first, second = (create_sequence(desk, name=name, exclusive=True) for name in ("first", "second"))
    lead = desk.capture()
    assert [put(desk, one, lead) for one in (first, second)] == [["enrolled"], ["in_another"]]
    desk.admin.post(f"/api/enrollments/{enrollment_of(desk, lead)['id']}/exit")
    assert put(desk, second, lead) == ["enrolled"]
    assert put(desk, first, lead) == ["been_before"]


@pytest.mark.parametrize(("re_entry", "result"), [("after_exit", "enrolled"), ({"after": "90 days"}, "too_soon")])
def test_lead_can_be_enrolled_again_if_the_sequence_allows_it(desk: Desk, re_entry: Any, result: str):
    sequence, lead = create_sequence(desk, re_entry=re_entry), desk.capture()
    put(desk, sequence, lead)
    desk.admin.post(f"/api/enrollments/{enrollment_of(desk, lead)['id']}/exit")
    assert put(desk, sequence, lead) == [result]


def test_enrollment_can_be_paused_resumed_and_ended(desk: Desk):
    sequence, lead = create_sequence(desk), desk.capture()
    put(desk, sequence, lead)
    path = f"/api/enrollments/{enrollment_of(desk, lead)['id']}"
    paused = desk.admin.post(f"{path}/pause").body
    assert (paused["state"], paused["reason"], paused["step_id"]) == ("paused", "by_hand", None)
    assert 86_000 < paused["seconds_left"] <= 86_400
    assert desk.admin.post(f"{path}/pause").body == paused
    resumed = desk.admin.post(f"{path}/resume").body
    assert (resumed["state"], resumed["reason"], resumed["step"]) == ("active", None, "one")
    ended = desk.admin.post(f"{path}/exit").body
    assert (ended["state"], ended["reason"]) == ("exited", "by_hand")
    assert [step["state"] for step in desk.steps(lead, name="x/one")] == ["cancelled", "cancelled"]
    assert desk.admin.post(f"{path}/pause").status == 409


def test_sales_can_enroll_own_leads_only(desk: Desk):
    sequence, sales = create_sequence(desk), desk.caller(Role.SALES)
    mine = desk.capture(assigned_to_id=sales.id)
    other = desk.capture(phone="+12125550177", assigned_to_id=desk.admin.id)
    assert put(desk, sequence, mine, other, by=sales) == ["enrolled", "no_such_lead"]
    put(desk, sequence, other)
    listed = sales.every(f"/api/sequences/{sequence['id']}/enrollments", state="active")
    assert [one["lead_id"] for one in listed] == [mine["id"]]
    assert sales.post(f"/api/enrollments/{enrollment_of(desk, other)['id']}/pause").status == 404


def test_deleting_a_sequence_ends_its_enrollments(desk: Desk):
    sequence, lead = create_sequence(desk, label="in x"), desk.capture()
    put(desk, sequence, lead)
    assert "in x" in desk.lead(lead)["tags"]
    desk.admin.delete(f"/api/sequences/{sequence['id']}")
    assert enrollment_of(desk, lead)["reason"] == "sequence_deleted"
    assert "in x" not in desk.lead(lead)["tags"]


def test_erased_or_restricted_lead_leaves_its_sequences(desk: Desk):
    sequence = create_sequence(desk)
    left_alone = desk.capture()
    put(desk, sequence, left_alone)
    desk.admin.post(f"/api/leads/{left_alone['id']}/restrict", {"is_restricted": True, "reason": "They asked."})
    assert enrollment_of(desk, left_alone)["reason"] == "restricted"
    forgotten = desk.capture(phone="+12125550177")
    put(desk, sequence, forgotten)
    desk.admin.post(f"/api/leads/{forgotten['id']}/erase", {"reason": "They asked."})
    [row] = desk.sql("SELECT state, reason FROM enrollments WHERE lead_id = :lead", lead=forgotten["id"])
    assert tuple(row) == ("exited", "erased")


def test_merged_lead_continues_the_sequence_once(desk: Desk):
    both, one = create_sequence(desk, name="both"), create_sequence(desk, name="one")
    survivor, duplicate = desk.capture(), desk.capture()
    put(desk, both, survivor, duplicate)
    put(desk, one, duplicate)
    desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    found = desk.admin.every(f"/api/leads/{survivor['id']}/enrollments")
    assert sorted(
        (enrollment_of["sequence"], enrollment_of["state"], enrollment_of["reason"]) for enrollment_of in found
    ) == [
        ("both", "active", None),
        ("both", "exited", "merged"),
        ("one", "active", None),
    ]
    pending = [step["name"] for step in desk.steps(survivor) if step["state"] in {"planned", "published"}]
    assert {name for name in pending if "/" in name} == {"both/one", "one/one"}


def test_rule_can_name_an_existing_sequence(desk: Desk):
    rule = {"name": "r", "on": "lead.created", "do": [{"enroll": {"sequence": "x"}}]}
    assert desk.admin.post("/api/follow-up-rules", rule).pointers == ["/do/0/enroll/sequence"]
    create_sequence(desk)
    assert desk.admin.post("/api/follow-up-rules", rule).status == 201


def test_playbook_with_sequences_survives_the_round_trip(desk: Desk):
    create_sequence(desk, label="in x", goal=["quote.sent"])
    written = desk.admin.get("/api/playbooks/export").body["yaml"]
    [sequence] = desk.admin.every("/api/sequences")
    desk.admin.delete(f"/api/sequences/{sequence['id']}")
    assert desk.admin.post("/api/playbooks/import", {"yaml": written}).body["sequences"] == ["x"]
    assert desk.admin.every("/api/sequences")[0]["definition"] == sequence["definition"]
    assert desk.admin.get("/api/playbooks/export").body["yaml"] == written


def test_explanation_names_the_sequence_and_lists_its_steps(desk: Desk):
    create_sequence(desk, enroll={"on": "lead.created"})
    lead = desk.capture()
    runner.run(Kind.ENROLL, [])
    stories = desk.admin.every(f"/api/leads/{lead['id']}/why", rule="sequence:x")
    created = next(story for story in stories if story["event"] == "lead.created")
    [decision] = created["decisions"]
    assert (decision["verdict"], created["event"]) == ("matched", "lead.created")
    assert decision["because"].startswith("sequence:x (version 1) acted on lead.created: it planned enroll for")
    assert {"sequence:x", "x/one"} <= {step["name"] for story in stories for step in story["steps"]}
    [step] = desk.steps(lead, name="x/one")
    assert (step["cause"]["sequence"], step["cause"]["step"]) == ("x", "one")
