"""The fields of a lead with their labels, types and choices, and what the caller may do with each."""

from typing import Any

import pytest

from app.identity.models import Role
from app.leads.enums import PreferredContact
from app.leads.fields import COLUMNS
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

PATH = "/api/leads/fields"
EXAMPLES = {"text": "Lyon", "date": "2014-05-31", "number": 3.5, "boolean": True, "choice": "metal"}


def fields(caller: Caller) -> dict[str, Any]:
    answer = caller.get(PATH)
    assert answer.status == 200, answer.body
    return {one["name"]: one for one in answer.body["fields"]}


def add_custom(desk: Desk, key: str, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/custom-fields", {"key": key, "label": key.capitalize(), "type": "text", **more})
    assert answer.status == 201, answer.body
    created: dict[str, Any] = answer.body
    return created


def test_list_has_each_field_that_a_new_lead_may_have(desk: Desk):
    listed = fields(desk.front_desk)
    assert [*listed] == [name for name in COLUMNS if name != "custom"]
    assert all(one["label"] for one in listed.values())
    assert [name for name, one in listed.items() if one["is_required"]] == ["first_name", "last_name", "source_id"]
    assert listed["preferred_contact"] == {
        "name": "preferred_contact",
        "label": "Preferred contact",
        "description": "The channel that the contact prefers.",
        "examples": ["PHONE", "EMAIL"],
        "type": "choice",
        "choices": [*PreferredContact],
        "longest": None,
        "highest": None,
        "is_required": False,
        "is_private": False,
        "is_custom": False,
        "can_read": True,
        "can_give": True,
        "can_change": True,
    }
    assert {name: listed[name]["type"] for name in ("email", "patient_dob", "tags", "lead_value", "score")} == {
        "email": "email",
        "patient_dob": "past_date",
        "tags": "tags",
        "lead_value": "amount",
        "score": "integer",
    }
    assert (listed["notes"]["longest"], listed["score"]["highest"]) == (5000, 100)


@pytest.mark.parametrize("name", ["first_name", "city", "email", "notes"])
def test_longest_text_is_taken_and_a_longer_one_is_not(desk: Desk, name: str):
    longest = fields(desk.front_desk)[name]["longest"]
    path = f"/api/leads/{desk.capture()['id']}"
    if name != "email":  # a longer address than this is not one
        assert desk.front_desk.patch(path, {name: "x" * longest}).status == 200
    assert desk.front_desk.patch(path, {name: "x" * (longest + 1)}).pointers == [f"/{name}"]


def test_custom_fields_are_in_the_same_shape_at_the_end(desk: Desk, other_desk: Desk):
    add_custom(desk, "school", required=True)
    add_custom(desk, "braces", type="choice", options=["metal", "clear"])
    gone = add_custom(desk, "gone")
    assert desk.admin.patch(f"/api/custom-fields/{gone['id']}", {"archived": True}).status == 200
    add_custom(other_desk, "theirs")
    listed = fields(desk.front_desk)
    own = [name for name, one in listed.items() if one["is_custom"]]
    assert own == [*listed][-2:] == ["custom.braces", "custom.school"]
    assert listed["custom.braces"].keys() == listed["city"].keys()
    assert (listed["custom.braces"]["type"], listed["custom.braces"]["choices"]) == ("choice", ["metal", "clear"])
    assert (listed["custom.school"]["is_required"], listed["custom.school"]["longest"]) == (True, 1000)
    assert [name for name, one in fields(other_desk.admin).items() if one["is_custom"]] == ["custom.theirs"]


@pytest.mark.parametrize("type_", EXAMPLES)
def test_custom_field_of_each_type_has_that_type(desk: Desk, type_: str):
    add_custom(desk, "own", type=type_, options=["metal"] if type_ == "choice" else [])
    assert fields(desk.front_desk)["custom.own"]["type"] == type_
    assert desk.capture(custom={"own": EXAMPLES[type_]})["custom"] == {"own": EXAMPLES[type_]}


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.DOCTOR, Role.MARKETING_MANAGER, Role.DISPATCHER])
def test_permissions_in_the_list_are_those_of_the_routes(desk: Desk, role: Role):
    given = {"patient_dob": "2012-03-01", "insurance_carrier": "Delta", "notes": "Grinds.", "city": "Lyon"}
    lead, caller = desk.capture(**given), desk.caller(role)
    listed = fields(caller)
    shown = caller.get(f"/api/leads/{lead['id']}")
    for name, value in given.items():
        one = listed[name]
        assert one["is_private"] is (name != "city")
        assert one["can_read"] is (shown.status == 200 and shown.body[name] == value), name
        assert one["can_change"] is (caller.patch(f"/api/leads/{lead['id']}", {name: value}).status == 200), name
        taken = caller.post("/api/leads", desk.lead_data(**{name: value})).status == 201
        assert one["can_give"] is taken, name


def test_program_that_only_creates_leads_sees_the_fields_and_no_values(desk: Desk):
    listed = fields(desk.program("lead:create"))
    assert listed["city"]["can_give"]
    assert not listed["city"]["can_read"]
    assert not any(one["can_change"] for one in listed.values())


def test_list_needs_a_permission_for_leads(desk: Desk):
    assert desk.program("automation:read").get(PATH).status == 403
    assert desk.client().get(PATH).status_code == 401
