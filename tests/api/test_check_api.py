"""Check of a person before a lead is saved, and handling of duplicates in lists and upserts."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.bulk import ask, counts, items, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

# One person in four notations: of the phone number, of the address, and of a Gmail address.
NOTATIONS = (
    {"phone": "(212) 555-0143", "email": "ana.ruiz@gmail.com"},
    {"phone": "+1 212 555 0143", "email": None},
    {"phone": None, "email": "Ana.Ruiz@GMAIL.com"},
    {"phone": None, "email": "anaruiz+clinic@googlemail.com"},
)


def check(caller: Caller, **person: Any) -> Any:
    answer = caller.post("/api/leads/check", person)
    assert answer.status == 200, answer.body
    return answer.body


def same_person(desk: Desk) -> list[dict[str, Any]]:
    return [desk.lead_data(first_name="Ana", last_name="Ruiz", **notation) for notation in NOTATIONS]


def leads_of(desk: Desk) -> list[Any]:
    return desk.sql("SELECT id, city FROM leads WHERE clinic_id = :c ORDER BY id", c=desk.clinic_id)


@pytest.mark.parametrize(
    ("typed", "match_on"),
    [
        ({"phone": "212 555 0143"}, ["phone"]),
        ({"phone_alt": "+12125550143"}, ["phone"]),
        ({"email": "ANA@people.org"}, ["email"]),
        ({"first_name": "ana", "last_name": "Ruiz"}, ["name"]),
        ({"first_name": "Ana", "last_name": "Ruiz", "phone": "+1 212"}, ["name"]),
        ({"first_name": "Ana", "last_name": "Ruiz", "phone": "212-555-0143"}, ["phone", "name"]),
    ],
)
def test_partial_values_find_the_lead_with_its_name_stage_and_owner(desk: Desk, typed: Any, match_on: list[str]):
    lead = desk.capture(email="ana@people.org")
    [found] = check(desk.front_desk, **typed)["duplicates"]
    assert (found["lead_id"], found["match_on"]) == (lead["id"], match_on)
    assert (found["first_name"], found["last_name"], found["status"]) == ("Ana", "Ruiz", "NEW")
    assert (found["pipeline_stage"], found["assigned_to_id"]) == ("new_lead", lead["assigned_to_id"])


@pytest.mark.parametrize("typed", [{}, {"first_name": "Ana"}, {"phone": "21"}, {"email": "ana@"}, {"last_name": "R"}])
def test_too_little_finds_nothing_and_is_no_mistake(desk: Desk, typed: Any):
    desk.capture(email="ana@people.org")
    assert check(desk.front_desk, **typed) == {"duplicates": [], "hidden_duplicates": 0}


def test_lead_of_a_colleague_is_counted_without_personal_data(desk: Desk):
    desk.capture(email="ana@people.org")
    found = check(desk.hire(Role.SALES), first_name="Ana", last_name="Ruiz", email="ana@people.org")
    assert found == {"duplicates": [], "hidden_duplicates": 1}


def test_check_requires_permission_to_create_leads_and_finds_no_lead_of_another_clinic(desk: Desk, other_desk: Desk):
    other_desk.capture(email="ana@people.org", phone=None)
    assert check(desk.front_desk, email="ana@people.org") == {"duplicates": [], "hidden_duplicates": 0}
    assert desk.doctor.post("/api/leads/check", {"email": "ana@people.org"}).status == 403


def test_check_is_in_the_audit_log(desk: Desk):
    lead = desk.capture()
    check(desk.front_desk, phone="212-555-0143")
    entries = desk.admin.every("/api/audit", subject_id=lead["id"])
    assert "duplicates.check" in {entry["operation"] for entry in entries}


@pytest.mark.parametrize("known", [{"email": "ana.ruiz@gmail.com"}, {"email": "anaruiz@gmail.com"}])
@pytest.mark.parametrize("typed", ["a.n.a.ruiz@gmail.com", "anaruiz+kids@googlemail.com", "AnaRuiz@gmail.com"])
def test_addresses_of_one_mailbox_are_the_same_person(desk: Desk, known: Any, typed: str):
    lead = desk.capture(phone=None, **known)
    assert [one["lead_id"] for one in check(desk.front_desk, email=typed)["duplicates"]] == [lead["id"]]
    desk.admin.put(f"/api/leads/{lead['id']}", {"email": "ana@people.org"})
    assert check(desk.front_desk, email=typed)["duplicates"] == []


def test_dots_of_other_providers_matter(desk: Desk):
    desk.capture(phone=None, email="ana.ruiz@people.org")
    assert check(desk.front_desk, email="anaruiz@people.org")["duplicates"] == []


@pytest.mark.parametrize(
    ("policy", "expected_leads", "expected"),
    [
        ("skip", 1, [("done", None), *[("done", "skipped")] * 3]),
        ("update", 1, [("done", None), *[("done", "updated")] * 3]),
        ("refuse", 1, [("done", None), *[("failed", "duplicate_lead")] * 3]),
        ("create", 4, [("done", None)] * 4),
        (None, 4, [("done", None)] * 4),
    ],
)
def test_same_person_in_one_list_is_handled_as_asked(
    desk: Desk, policy: str | None, expected_leads: int, expected: list[tuple[str, str | None]]
):
    asked = {} if policy is None else {"on_duplicate": policy}
    people = same_person(desk)
    people[3]["city"] = "Lyon"
    job = ask(desk.admin, leads=people, **asked)
    work_off(desk, job)
    found = items(desk, job)
    assert [(item["status"], item["reason"]) for item in found] == expected
    first = found[0]["lead_id"]
    assert [item["matched_lead_id"] for item in found] == [None, first, first, first]
    assert len(leads_of(desk)) == expected_leads
    if policy == "update":
        assert leads_of(desk)[0].city == "Lyon"
        assert len({item["task_id"] for item in found}) == 1


@pytest.mark.parametrize("policy", ["skip", "update", "refuse", "create"])
def test_list_names_the_existing_lead(desk: Desk, policy: str):
    lead = desk.capture(email="anaruiz@gmail.com", phone=None)
    job = ask(desk.admin, leads=same_person(desk)[2:3], on_duplicate=policy)
    work_off(desk, job)
    [item] = items(desk, job)
    assert item["matched_lead_id"] == lead["id"]
    assert len(leads_of(desk)) == (2 if policy == "create" else 1)


def test_updated_lead_of_a_list_gets_the_follow_up(desk: Desk):
    lead = desk.capture()
    job = ask(desk.admin, leads=[desk.lead_data(city="Lyon")], on_duplicate="update")
    assert counts(work_off(desk, job)) == (0, 1, 0, 0)
    [item] = items(desk, job)
    [task] = desk.sql("SELECT lead_id FROM lead_tasks WHERE id = :id", id=item["task_id"])
    assert (str(task.lead_id), desk.lead(lead)["city"]) == (lead["id"], "Lyon")


def test_policy_is_only_for_new_leads_and_update_needs_all_leads(desk: Desk):
    body = {"followup": {"type": "CALL", "title": "Call", "due_in_minutes": 5}}
    refused = desk.admin.post(
        "/api/followups/bulk", {**body, "lead_ids": [desk.capture()["id"]], "on_duplicate": "skip"}
    )
    assert (refused.status, refused.pointers) == (422, ["/on_duplicate"])


def test_two_lists_with_the_same_people_at_once_create_each_person_once(desk: Desk):
    people = [
        desk.lead_data(first_name=f"N{number}", phone=None, email=f"n.{number}@gmail.com") for number in range(60)
    ]
    jobs = [ask(desk.admin, leads=people, on_duplicate="skip") for _ in range(2)]
    run_concurrently(*(lambda job=job: work_off(desk, job) for job in jobs))
    assert len(leads_of(desk)) == len(people)


@pytest.mark.parametrize("policy", ["skip", "update", "refuse", "create"])
def test_upsert_of_a_known_person_with_a_new_id_is_handled_as_asked(desk: Desk, policy: str):
    lead = desk.capture(email="anaruiz@gmail.com", phone=None)
    body = desk.lead_data(
        external_source="crm", email="Ana.Ruiz@gmail.com", phone=None, city="Lyon", on_duplicate=policy
    )
    answer = desk.admin.put("/api/leads/by-external-id/7", body)
    assert answer.status == {"skip": 200, "update": 200, "refuse": 409, "create": 201}[policy], answer.body
    assert len(leads_of(desk)) == (2 if policy == "create" else 1)
    if policy in ("skip", "update"):
        assert answer.body["id"] == lead["id"]
        stored = desk.lead(lead)
        assert (stored["city"], stored["external_id"]) == (("Lyon", "7") if policy == "update" else (None, None))
    if policy == "refuse":
        assert [one["lead_id"] for one in answer.body["duplicates"]] == [lead["id"]]


def test_concurrent_upserts_of_one_person_with_different_ids_create_one_lead(desk: Desk):
    people = [Caller(desk.client(), desk.admin.token, desk.admin.actor) for _ in range(6)]
    body = desk.lead_data(external_source="crm", on_duplicate="skip")
    answers = run_concurrently(
        *(lambda n=n, one=one: one.put(f"/api/leads/by-external-id/{n}", body) for n, one in enumerate(people))
    )
    assert sorted(answer.status for answer in answers) == [200] * 5 + [201]
    assert len(leads_of(desk)) == 1
