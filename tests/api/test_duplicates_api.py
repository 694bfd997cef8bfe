"""Duplicates, reported when a lead is captured and later."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk
from tests.support.name_pairs import name_pairs

pytest_plugins = ["tests.support.desk"]

NOBODY = {"duplicates": [], "hidden_duplicates": 0}


def unrelated_lead_data(desk: Desk, **more: Any) -> dict[str, Any]:
    """Return data of a lead that has only the clinic in common with Ana Ruiz."""
    return {"first_name": "Theo", "last_name": "Okafor", "phone": None, "source_id": desk.source_id, **more}


def reported_duplicates(answer: Any) -> list[tuple[str, list[str], int]]:
    assert answer.status == 201, answer.body
    return [(found["lead_id"], found["match_on"], found["score"]) for found in answer.body["duplicates"]]


@pytest.mark.parametrize(
    ("known", "new", "match_on"),
    [
        ({"phone": "(212) 555-0143"}, {"phone": "+1 212 555 0143"}, ["phone"]),
        ({"phone": "212-555-0143"}, {"phone": "646-555-0100", "phone_alt": "212-555-0143"}, ["phone"]),
        ({"phone": "646-555-0100", "phone_alt": "212-555-0143"}, {"phone": "212-555-0143"}, ["phone"]),
        ({"phone_alt": "212-555-0143", "email": "a@people.org"}, {"email": "b@people.org", "phone_alt": "212-555-0143"},
         ["phone"]),
        ({"email": "Ana@People.org"}, {"email": " ana@people.org "}, ["email"]),
        ({"email": "ana@people.org", "phone": "212-555-0143"}, {"email": "ANA@people.org", "phone": "+12125550143"},
         ["phone", "email"]),
    ],
)  # fmt: skip
def test_same_phone_or_email_is_reported(desk: Desk, known: Any, new: Any, match_on: list[str]):
    first = desk.capture(**{"phone": None, **known})
    answer = desk.front_desk.post("/api/leads", unrelated_lead_data(desk, **new))
    assert reported_duplicates(answer) == [(first["id"], match_on, 100)]


@pytest.mark.parametrize(
    ("first_name", "last_name", "is_alike"),
    [
        ("Iñigo", "Montoya", True),
        ("INIGO", "montoya", True),
        ("Inigo", "Montoja", True),
        ("Montoya", "Inigo", True),
        ("Maria", "Montoya", False),
        ("Inigo", "Montag", False),
    ],
)
def test_names_are_compared_by_similarity(desk: Desk, first_name: str, last_name: str, is_alike: bool):
    known = desk.capture(first_name="Inigo", last_name="Montoya")
    new = unrelated_lead_data(desk, first_name=first_name, last_name=last_name, phone="646-555-0100")
    found = reported_duplicates(desk.front_desk.post("/api/leads", new))
    assert [(lead, match_on) for lead, match_on, _ in found] == ([(known["id"], ["name"])] if is_alike else [])


def test_exact_matches_come_before_similar_ones_newest_first(desk: Desk):
    names = [desk.capture(phone=f"646-555-01{number:02}")["id"] for number in range(12)]
    phone = desk.capture(first_name="Theo", last_name="Okafor")["id"]
    found = reported_duplicates(desk.front_desk.post("/api/leads", desk.lead_data()))
    assert found[0] == (phone, ["phone"], 100)
    assert [lead for lead, _, _ in found[1:]] == names[::-1][:9]


def test_warning_does_not_refuse_the_lead(desk: Desk):
    first = desk.capture()
    answer = desk.front_desk.post("/api/leads", desk.lead_data(on_duplicate="warn"))
    assert reported_duplicates(answer) == [(first["id"], ["phone", "name"], 100)]
    assert len(desk.admin.every("/api/leads")) == 2


def test_refusal_on_request_names_the_duplicates(desk: Desk):
    first = desk.capture()
    answer = desk.front_desk.post("/api/leads", desk.lead_data(on_duplicate="refuse"))
    assert (answer.status, answer.body["code"]) == (409, "duplicate-lead")
    assert answer.body["duplicates"] == [{"lead_id": first["id"], "match_on": ["phone", "name"], "score": 100}]
    assert len(desk.admin.every("/api/leads")) == 1
    assert desk.sql("SELECT id FROM lead_touches WHERE lead_id <> :lead", lead=first["id"]) == []


def test_similar_name_alone_never_refuses(desk: Desk):
    first = desk.capture()
    answer = desk.front_desk.post("/api/leads", desk.lead_data(phone="646-555-0100", on_duplicate="refuse"))
    assert reported_duplicates(answer) == [(first["id"], ["name"], 100)]


def test_one_of_eight_concurrent_captures_that_refuse_duplicates_succeeds(desk: Desk):
    people = [Caller(desk.client(), desk.admin.token, desk.admin.actor) for _ in range(8)]
    body = desk.lead_data(on_duplicate="refuse")
    answers = run_concurrently(*(lambda one=one: one.post("/api/leads", body) for one in people))
    assert sorted(answer.status for answer in answers) == [201, *[409] * 7]


def test_lead_is_no_duplicate_of_itself_or_of_another_clinics_lead(desk: Desk, other_desk: Desk):
    other_desk.capture(phone="+12125550143", email="ana@people.org")
    lead = desk.capture(email="ana@people.org")
    assert desk.admin.get(f"/api/leads/{lead['id']}/duplicates").body == NOBODY


def test_duplicates_of_an_existing_lead_are_listed(desk: Desk):
    first, second = desk.capture(), desk.capture(first_name="Theo", last_name="Okafor", email="theo@people.org")
    found = {lead["id"]: desk.doctor.get(f"/api/leads/{lead['id']}/duplicates").body for lead in (first, second)}
    assert [one["lead_id"] for one in found[first["id"]]["duplicates"]] == [second["id"]]
    assert [one["lead_id"] for one in found[second["id"]]["duplicates"]] == [first["id"]]


def test_edited_lead_is_compared_again(desk: Desk):
    first = desk.capture(phone="646-555-0100")
    second = desk.capture(first_name="Theo", last_name="Okafor")
    assert desk.admin.get(f"/api/leads/{second['id']}/duplicates").body == NOBODY
    desk.admin.put(f"/api/leads/{second['id']}", {"phone": "646-555-0100"})
    assert desk.admin.get(f"/api/leads/{second['id']}/duplicates").body["duplicates"][0]["lead_id"] == first["id"]


def test_erased_or_merged_lead_is_no_duplicate(desk: Desk):
    lead = desk.capture()
    desk.sql("UPDATE leads SET deleted_at = now() WHERE id = :id", id=lead["id"])
    assert reported_duplicates(desk.front_desk.post("/api/leads", desk.lead_data())) == []


def test_duplicates_of_an_unknown_lead_are_not_found(desk: Desk):
    assert desk.admin.get(f"/api/leads/{uuid4()}/duplicates").status == 404


@pytest.mark.parametrize(
    ("initial", "first_name"),
    [
        *(
            ("J.", "James"),
            ("E.", "Elizabeth"),
            ("A", "Alexander"),
            ("O.", "Olga"),
            ("H.", "Henry"),
            ("C.", "Christian"),
        ),
        *(
            ("C.", "Clara"),
            ("I.", "Ian"),
            ("U.", "Ulrike"),
            ("Y.", "Yolanda"),
            ("E.", "Eva"),
            ("D.", "David"),
            ("S.", "Shaun"),
        ),
    ],
)
def test_name_with_an_initial_is_found_from_both_leads(desk: Desk, initial: str, first_name: str):
    known = [
        desk.capture(first_name=name, last_name="Fletcherson", phone=None, email=f"{name}@people.org")
        for name in (initial.strip("."), first_name)
    ]
    for other, name in ((known[1], initial), (known[0], first_name)):
        person = {"first_name": name, "last_name": "Fletcherson"}
        found = desk.front_desk.post("/api/leads/check", person).body["duplicates"]
        assert (other["id"], 91) in {(one["lead_id"], one["score"]) for one in found}


FOUND = 0.9  # of the pairs of one person


def test_labelled_pairs_are_found_through_the_api(desk: Desk):
    pairs = [row for row in name_pairs() if row["same"] == "1" and not row["birth_date"]][:120]
    captured = [
        desk.capture(first_name=row["first_name"], last_name=row["last_name"], phone=None, email=f"a{n}@people.org")
        for n, row in enumerate(pairs)
    ]
    missed = []
    for lead, row in zip(captured, pairs, strict=True):
        person = {"first_name": row["other_first_name"], "last_name": row["other_last_name"]}
        found = desk.front_desk.post("/api/leads/check", person).body["duplicates"]
        if lead["id"] not in {one["lead_id"] for one in found}:
            missed.append((row["kind"], row["first_name"], row["last_name"], *person.values()))
    assert len(missed) <= (1 - FOUND) * len(pairs), missed


def test_family_is_no_duplicate_and_birth_dates_decide(desk: Desk):
    facts = {"patient_dob": "1984-03-01", "address_line1": "1 Main Street", "postal_code": "10001", "phone": None}
    first = desk.capture(first_name="Lena", last_name="Lopez", email="m@people.org", **facts)
    brother = desk.capture(first_name="Leon", last_name="Lopez", email="n@people.org", phone=None)
    misspelled = desk.capture(first_name="Lema", last_name="Lopez", email="o@people.org", **facts)
    twin = desk.capture(first_name="Lina", last_name="Lopez", email="q@people.org", **facts)
    daughter = desk.capture(
        first_name="Lena", last_name="Lopez", email="p@people.org", **{**facts, "patient_dob": "2009-11-20"}
    )

    def found(lead: dict[str, Any]) -> set[str]:
        return {one["lead_id"] for one in desk.admin.get(f"/api/leads/{lead['id']}/duplicates").body["duplicates"]}

    assert [first["id"] in found(lead) for lead in (brother, misspelled, twin, daughter)] == [False, True, False, False]
