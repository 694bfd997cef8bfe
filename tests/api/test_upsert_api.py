"""Upsert of leads by an external id."""

from typing import Any

import pytest

from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk

pytest_plugins = ["tests.support.desk"]


def put(desk: Desk, external_id: str = "42", who: Caller | None = None, **more: Any) -> Answer:
    body = desk.lead_data(**{"external_source": "hubspot", **more})
    return (who or desk.front_desk).put(f"/api/leads/by-external-id/{external_id}", body, seen=None)


def test_first_call_creates_and_the_next_updates(desk: Desk):
    first, second = put(desk), put(desk, last_name="Ruiz-Okafor", tags=["vip"])
    assert (first.status, second.status) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"] == f"/api/leads/{first.body['id']}"
    assert (first.body["external_source"], first.body["external_id"]) == ("hubspot", "42")
    assert (second.body["id"], second.body["last_name"]) == (first.body["id"], "Ruiz-Okafor")
    assert second.body["patient_last_name"] == "Ruiz-Okafor"
    assert second.body["version"] == first.body["version"] + 1
    assert [step["name"] for step in desk.steps(first.body)] == ["speed-to-lead", "no-contact-24h"]


def test_every_call_adds_a_touch(desk: Desk):
    other = next(one["id"] for one in desk.admin.every("/api/lead-sources") if one["id"] != desk.source_id)
    lead = put(desk, source_campaign="spring").body
    again = put(desk, source_id=other, source_campaign="fall", touch={"utm_source": "x"}).body
    touches = desk.admin.every(f"/api/leads/{lead['id']}/touches")
    assert [(touch["source_id"], touch["campaign"]) for touch in touches] == [
        (desk.source_id, "spring"),
        (other, "fall"),
    ]
    assert touches[1]["utm_source"] == "x"
    assert (again["source_id"], again["source_campaign"]) == (desk.source_id, "spring")
    assert (again["first_touch_source_id"], again["last_touch_source_id"]) == (desk.source_id, other)


def test_same_external_id_in_another_system_or_clinic_is_another_lead(desk: Desk, other_desk: Desk):
    ours = put(desk)
    elsewhere = put(desk, external_source="salesforce")
    theirs = put(other_desk, phone="+12125550143")
    assert [answer.status for answer in (ours, elsewhere, theirs)] == [201, 201, 201]
    assert len({answer.body["id"] for answer in (ours, elsewhere, theirs)}) == 3
    assert [lead["id"] for lead in desk.admin.every("/api/leads", external_id="42")] == [
        elsewhere.body["id"],
        ours.body["id"],
    ]


def test_eight_concurrent_calls_create_one_lead(desk: Desk):
    people = [Caller(desk.client(), desk.admin.token, desk.admin.actor) for _ in range(8)]
    answers = run_concurrently(*(lambda one=one: put(desk, who=one) for one in people))
    assert sorted(answer.status for answer in answers) == [*[200] * 7, 201]
    [lead] = desk.admin.every("/api/leads")
    assert len(desk.admin.every(f"/api/leads/{lead['id']}/touches")) == 8


def test_external_id_of_a_merged_lead_finds_the_survivor(desk: Desk):
    survivor, duplicate = put(desk, "1").body, put(desk, "2").body
    third = desk.capture()
    desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert put(desk, "2").body["id"] == survivor["id"]
    desk.admin.post(f"/api/leads/{third['id']}/merge", {"lead_id": survivor["id"]})
    assert desk.lead(third)["external_id"] == "1"
    assert {put(desk, one).body["id"] for one in ("1", "2")} == {third["id"]}


def test_update_by_key_requires_the_permission(desk: Desk):
    program = desk.program("lead:create")
    assert [put(desk, who=program).status for _ in range(2)] == [201, 403]


def test_patient_is_not_updated(desk: Desk):
    lead = put(desk).body
    desk.admin.post(f"/api/leads/{lead['id']}/convert")
    assert put(desk).body["code"] == "lead-is-locked"


@pytest.mark.parametrize("field", ["external_source", "first_name"])
def test_required_fields_are_required_in_every_call(desk: Desk, field: str):
    body = {"external_source": "hubspot", **desk.lead_data()}
    del body[field]
    assert desk.front_desk.put("/api/leads/by-external-id/42", body).pointers == [f"/{field}"]


@pytest.mark.parametrize("external_id", ["x" * 201, "a%00b", "a%0Ab"])
def test_external_id_is_short_and_printable(desk: Desk, external_id: str):
    assert put(desk, external_id).pointers == ["/external_id"]
