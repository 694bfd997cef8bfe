"""Search of leads by personal data, without personal data in URLs."""

from typing import Any

import pytest

from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

PEOPLE = {
    "ruiz": {"first_name": "Ana", "last_name": "Ruiz", "phone": "212-555-0143", "email": "Ana@People.org"},
    "ruizo": {"first_name": "Theo", "last_name": "Ruizo", "phone": "646-555-0100", "phone_alt": "212-555-0143"},
    "cruz": {"first_name": "Iñigo", "last_name": "de la Cruz", "phone": "646-555-0101"},
    "li": {"first_name": "Wei", "last_name": "Li", "phone": "646-555-0102"},
    "lindt": {"first_name": "Mia", "last_name": "Lindt", "phone": "646-555-0103"},
}


@pytest.fixture
def lead_ids(desk: Desk) -> dict[str, str]:
    """The ids of the leads."""
    return {name: desk.capture(**person)["id"] for name, person in PEOPLE.items()}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"phone": "(212) 555-0143"}, ["ruizo", "ruiz"]),
        ({"phone": "+1 646 555 0102"}, ["li"]),
        ({"email": "ANA@people.org"}, ["ruiz"]),
        ({"phone": "212 555 0143", "email": "ana@people.org"}, ["ruiz"]),
        ({"phone": "646 555 0102", "email": "ana@people.org"}, []),
        ({"phone": "212 555 0143", "name": "theo ruizo"}, ["ruizo"]),
        ({"name": "ruiz"}, ["ruizo", "ruiz"]),
        ({"name": "RUI"}, ["ruizo", "ruiz"]),
        ({"name": "ana ruiz"}, ["ruiz"]),
        ({"name": "an rui"}, ["ruiz"]),
        ({"name": "ana ruis"}, ["ruiz"]),
        ({"name": "inigo de la cruz"}, ["cruz"]),
        ({"name": "de la"}, ["cruz"]),
        ({"name": "li"}, ["li"]),
        ({"name": "lin"}, ["lindt"]),
        ({"name": "nobody"}, []),
    ],
)
def test_leads_are_found(desk: Desk, lead_ids: dict[str, str], wanted: dict[str, str], found: list[str]):
    answer = desk.doctor.post("/api/leads/search", wanted)
    assert answer.status == 200, answer.body
    names = {id_: name for name, id_ in lead_ids.items()}
    assert [names[lead["id"]] for lead in answer.body["items"]] == found


def test_result_has_the_schema_of_a_lead(desk: Desk):
    lead = desk.capture()
    assert desk.doctor.post("/api/leads/search", {"name": "ruiz"}).body["items"] == [lead]


def test_newest_matches_are_returned(desk: Desk):
    ids = [desk.capture(phone=f"646-555-01{number:02}")["id"] for number in range(6)]
    found = desk.doctor.post("/api/leads/search", {"name": "ana ruiz", "limit": 3}).body["items"]
    assert [lead["id"] for lead in found] == ids[:2:-1]


def test_only_visible_and_existing_leads_are_found(desk: Desk, other_desk: Desk):
    other_desk.capture(phone="+12125550143", email="ana@people.org")
    gone, lead = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": gone["id"]})
    for wanted in ({"phone": "212-555-0143"}, {"name": "ruiz"}):
        found = desk.doctor.post("/api/leads/search", wanted).body["items"]
        assert [one["id"] for one in found] == [lead["id"]]
    assert desk.doctor.post("/api/leads/search", {"email": "ana@people.org"}).body["items"] == []


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        ({}, [""]),
        ({"limit": 3}, [""]),
        ({"phone": "none"}, ["/phone"]),
        ({"name": "x"}, ["/name"]),
        ({"name": "  "}, ["/name"]),
        ({"limit": 51, "name": "ruiz"}, ["/limit"]),
        ({"last_name": "x"}, ["", "/last_name"]),
    ],
)
def test_invalid_search_is_refused(desk: Desk, wanted: Any, pointers: list[str]):
    assert desk.doctor.post("/api/leads/search", wanted).pointers == pointers
