"""Merge of two leads of one person, without loss of data."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ARRAY, DateTime, Uuid

from app.clock import now
from app.core.db import to_json, transaction
from app.leads.duplicates.merge import MOVED_TABLES
from app.leads.fields import Merged
from app.leads.models import Lead
from app.leads.personal_data.leads import LEADS
from app.security.encrypted_fields import encrypted_fields_of
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk"]


def merge(desk: Desk, survivor: Any, duplicate: Any, who: Caller | None = None) -> Answer:
    return (who or desk.front_desk).post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})


def merged(desk: Desk, survivor: Any, duplicate: Any) -> dict[str, Any]:
    answer = merge(desk, survivor, duplicate)
    assert answer.status == 200, answer.body
    return desk.lead(survivor)


def log(desk: Desk, lead: Any, outcome: str = "no_answer", **more: Any) -> None:
    body = {"type": "PHONE_CALL", "direction": "OUTBOUND", "outcome": outcome, **more}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", body).status == 201


def test_rows_of_the_duplicate_move_to_the_survivor(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture(email="ana@people.org")
    task = desk.plan(duplicate)
    log(desk, duplicate)
    desk.sql(
        "INSERT INTO notifications (id, clinic_id, lead_id, channel, template, subject, body, state, attempts,"
        " created_at) VALUES (:id, :clinic, :lead, 'email', 'x', 'x', 'x', 'sent', 1, now())",
        id=uuid4(), clinic=desk.clinic_id, lead=duplicate["id"],
    )  # fmt: skip
    before = {table: desk.sql(f"SELECT id FROM {table} ORDER BY id") for table in (*MOVED_TABLES, "steps")}
    merged(desk, survivor, duplicate)
    for table in (*MOVED_TABLES, "steps"):
        assert desk.sql(f"SELECT id FROM {table} WHERE lead_id = :lead", lead=duplicate["id"]) == [], table
        after = {row.id for row in desk.sql(f"SELECT id FROM {table}")}
        assert {row.id for row in before[table]} <= after, table
    assert desk.admin.get(f"/api/leads/tasks/{task['id']}").body["lead_id"] == survivor["id"]
    assert len(desk.admin.every(f"/api/leads/{survivor['id']}/touches")) == 2
    assert "PHONE_CALL" in [entry["type"] for entry in desk.timeline(survivor)]


def test_timeline_has_an_entry_about_the_merge(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    assert desk.timeline(survivor)[-1]["notes"] == f"Merged with a duplicate, {duplicate['id']}."


def test_empty_fields_are_filled_and_others_unchanged(desk: Desk):
    survivor = desk.capture(city="Chicago", tags=["vip"], treatment_interest=["RETAINER"], notes="Calls at six.")
    duplicate = desk.capture(
        first_name="Anna", phone="646-555-0100", email="ana@people.org", city="Boston", state="MA", lead_value="900.00",
        tags=["event", "vip"], treatment_interest=["INVISALIGN", "RETAINER"], notes="Has a sister.",
    )  # fmt: skip
    lead = merged(desk, survivor, duplicate)
    assert (lead["first_name"], lead["phone"], lead["city"]) == ("Ana", "+12125550143", "Chicago")
    assert (lead["phone_alt"], lead["email"], lead["state"]) == ("+16465550100", "ana@people.org", "MA")
    assert lead["lead_value"] == "900.00"
    assert (lead["tags"], lead["treatment_interest"]) == (["vip", "event"], ["RETAINER", "INVISALIGN"])
    assert lead["notes"] == "Calls at six.\n\nHas a sister."
    assert lead["version"] == survivor["version"] + 1


ONE_SIDE_ONLY: Final = [
    name
    for name, column in LEADS.columns.items()
    if column.merged in {Merged.FILLED, Merged.UNITED, Merged.JOINED, Merged.EARLIEST, Merged.LATEST}
]
SAMPLES: Final[dict[str, Any]] = {
    "patient_dob": date(2011, 2, 3), "email": "ana@people.org", "phone": "+12125550143",
    "preferred_contact": "EMAIL", "referring_patient_id": uuid4(), "referring_provider_id": uuid4(),
    "consultation_id": uuid4(), "lead_value": Decimal("900.00"), "score": 44, "timezone": "America/New_York",
}  # fmt: skip


@pytest.mark.parametrize("side", ["survivor", "duplicate"])
def test_no_value_that_only_one_lead_has_is_lost(desk: Desk, side: str):
    leads = {name: desk.capture() for name in ("survivor", "duplicate")}
    with transaction() as session:
        full, empty = (session.get_one(Lead, UUID(leads[one]["id"])) for one in (side, _other(side)))
        wanted = {name: _sample(desk, name) for name in ONE_SIDE_ONLY}
        for name, value in wanted.items():
            setattr(full, name, value)
            setattr(empty, name, _nothing(name))
    merged(desk, leads["survivor"], leads["duplicate"])
    with transaction() as session:
        survivor = session.get_one(Lead, UUID(leads["survivor"]["id"]))
        assert {name: getattr(survivor, name) for name in wanted} == wanted


def test_values_that_a_merge_computes_come_from_either_lead(desk: Desk):
    survivor, duplicate = desk.capture(phone="212-555-0143"), desk.capture(phone="646-555-0100")
    with transaction() as session:
        row = session.get_one(Lead, UUID(duplicate["id"]))
        row.external_source, row.external_id = "crm", "77"
        row.custom = {"hobby": "chess"}
        row.past_stages, row.past_stage_seconds = ["contacted"], [60.0]
    merged(desk, survivor, duplicate)
    with transaction() as session:
        row = session.get_one(Lead, UUID(survivor["id"]))
        assert (row.external_source, row.external_id, row.custom) == ("crm", "77", {"hobby": "chess"})
        assert (row.past_stages, row.past_stage_seconds) == (["contacted"], [60.0])
        assert row.phone_alt == "+16465550100"


def _other(side: str) -> str:
    return "survivor" if side == "duplicate" else "duplicate"


def _sample(desk: Desk, name: str) -> Any:
    if name in SAMPLES or name in encrypted_fields_of(Lead):
        return SAMPLES.get(name, f"a {name}")
    kind = Lead.__table__.columns[name].type
    if isinstance(kind, DateTime):
        return now()
    if isinstance(kind, Uuid):
        return UUID(desk.coordinator.id)
    return [f"a {name}"] if isinstance(kind, ARRAY) else f"a {name}"


def _nothing(name: str) -> Any:
    if name in encrypted_fields_of(Lead):
        return None
    column = Lead.__table__.columns[name]
    return [] if isinstance(column.type, ARRAY) else "PHONE" if name == "preferred_contact" else None


def test_unknown_caller_gets_the_name_of_the_duplicate(desk: Desk):
    call = desk.front_desk.post("/api/leads/quick", {"phone": "212 555 0143", "source_id": desk.source_id}).body
    lead = merged(desk, call, desk.capture())
    assert (lead["first_name"], lead["last_name"], lead["patient_last_name"]) == ("Ana", "Ruiz", "Ruiz")


def test_merged_duplicate_answers_410_with_the_survivor(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    path = f"/api/leads/{duplicate['id']}"
    for answer in (
        desk.doctor.get(path),
        desk.admin.put(path, {"notes": "x"}),
        desk.admin.get(f"{path}/tasks"),
        desk.admin.post(f"{path}/merge", {"lead_id": survivor["id"]}),
    ):
        assert (answer.status, answer.body["code"]) == (410, "lead-was-merged")
        assert answer.body["merged_into"] == survivor["id"]
    assert [lead["id"] for lead in desk.admin.every("/api/leads")] == [survivor["id"]]
    assert desk.admin.get(f"/api/leads/{survivor['id']}/duplicates").body["duplicates"] == []


def test_twice_merged_lead_names_the_last_survivor(desk: Desk):
    first, second, third = desk.capture(), desk.capture(), desk.capture()
    merged(desk, second, third)
    merged(desk, first, second)
    assert desk.admin.get(f"/api/leads/{third['id']}").body["merged_into"] == first["id"]


def test_other_clinic_gets_not_found(desk: Desk, other_desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    merged(desk, survivor, duplicate)
    assert other_desk.admin.get(f"/api/leads/{duplicate['id']}").status == 404


def test_steps_with_the_same_dedupe_key_are_kept_once(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    desk.plan(duplicate)
    merged(desk, survivor, duplicate)
    cancelled = desk.steps(survivor, state="cancelled")
    assert {(step["name"], step["reason"]) for step in cancelled} == {
        ("speed-to-lead", "merged"),
        ("no-contact-24h", "merged"),
    }
    of_task = [step for step in desk.steps(survivor) if step["state"] != "cancelled"]
    assert sorted(step["name"] for step in of_task) == ["no-contact-24h", "speed-to-lead", "task-reminder"]


def test_counts_and_times_are_combined(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    log(desk, survivor)
    log(desk, duplicate, "spoke", occurred_at=(now() - timedelta(hours=1)).isoformat())
    log(desk, duplicate)
    contacted = desk.lead(duplicate)["contacted_at"]
    lead = merged(desk, survivor, duplicate)
    assert (lead["failed_attempts"], lead["contacted_at"], lead["status"]) == (2, contacted, "ACTIVE")


def test_attempts_before_the_last_contact_are_not_counted(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    log(desk, duplicate)
    log(desk, survivor, "spoke")
    assert merged(desk, survivor, duplicate)["failed_attempts"] == 0


@pytest.mark.parametrize("whose", [0, 1])
def test_opt_out_of_the_duplicate_is_kept(desk: Desk, whose: int):
    leads = [desk.capture(email=f"ana{number}@people.org") for number in range(2)]
    for lead in leads:
        for _ in range(3):
            log(desk, lead)
    desk.admin.post(f"/api/leads/{leads[whose]['id']}/opt-out")
    lead = merged(desk, *leads)
    assert lead["opted_out_at"] is not None
    pending = [step for step in desk.steps(lead) if step["state"] in {"planned", "published"}]
    assert not [step for step in pending if step["kind"] == "send_message"]


def test_first_and_last_touch_are_those_of_both_leads(desk: Desk):
    earlier, later = desk.capture(), desk.capture()
    lead = merged(desk, later, earlier)
    assert (lead["first_touch_id"], lead["last_touch_id"]) == (earlier["first_touch_id"], later["last_touch_id"])


def test_merge_is_an_event_for_rules(desk: Desk):
    definition = {"name": "look", "on": "lead.merged", "do": [{"create_task": {"title": "Look", "type": "CUSTOM"}}]}
    desk.sql(
        "INSERT INTO rules (id, clinic_id, playbook, slug, version, definition, active, created_at)"
        " VALUES (:id, :clinic, 'own', 'look', 1, CAST(:definition AS jsonb), true, now())",
        id=uuid4(), clinic=desk.clinic_id, definition=to_json(definition),
    )  # fmt: skip
    desk.sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :clinic", clinic=desk.clinic_id)
    lead = merged(desk, desk.capture(), desk.capture())
    assert [step["cause"]["event"] for step in desk.steps(lead, name="look")] == ["lead.merged"]


def test_patient_cannot_be_merged(desk: Desk):
    lead, patient = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{patient['id']}/convert")
    for pair in ((lead, patient), (patient, lead)):
        answer = merge(desk, *pair)
        assert (answer.status, answer.body["code"]) == (409, "lead-is-locked")


def test_open_lead_cannot_be_merged_into_a_lost_one(desk: Desk):
    lead, lost = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})
    assert merge(desk, lost, lead).body["code"] == "lead-is-closed"
    assert merged(desk, lead, lost)["status"] == "ACTIVE"


def test_both_leads_must_belong_to_the_clinic(desk: Desk, other_desk: Desk):
    lead, theirs = desk.capture(), other_desk.capture(phone="+12125550143")
    for other in (lead, theirs, {"id": str(uuid4())}):
        assert merge(desk, lead, other).pointers == ["/lead_id"]
    assert merge(desk, theirs, lead).status == 404


def test_concurrent_crosswise_merges_leave_one_lead(desk: Desk):
    for _ in range(5):
        leads = desk.capture(), desk.capture()
        people = [Caller(desk.client(), desk.admin.token, desk.admin.actor) for _ in range(2)]
        answers = run_concurrently(
            lambda leads=leads, who=people[0]: merge(desk, *leads, who=who),
            lambda leads=leads, who=people[1]: merge(desk, *leads[::-1], who=who),
        )
        assert sorted(answer.status for answer in answers) == [200, 410]
        gone = [desk.admin.get(f"/api/leads/{lead['id']}").status for lead in leads]
        assert sorted(gone) == [200, 410]


def test_address_and_number_of_a_merged_duplicate_lead_to_the_survivor(desk: Desk):
    own = {"first_name": "Zeb", "last_name": "Quill", "email": "zeb@kin.example", "phone": "+12125550151"}
    survivor = desk.capture(**own, phone_alt="+12125550152")
    duplicate = desk.capture(**{**own, "email": "zeb.2@kin.example", "phone": "+12125550153"})
    merged(desk, survivor, duplicate)
    for given, by in (({"email": "Zeb.2@kin.example"}, "email"), ({"phone": "+12125550153"}, "phone")):
        [found] = desk.admin.post("/api/leads/check", given).body["duplicates"]
        assert (found["lead_id"], found["match_on"], found["score"]) == (survivor["id"], [by], 100)
        text = next(iter(given.values()))
        assert [lead["id"] for lead in desk.admin.get("/api/leads", q=text).body["items"]] == [survivor["id"]]
    new = {"first_name": "Other", "last_name": "Person", "email": "zeb.2@kin.example", "on_duplicate": "refuse"}
    refused = desk.admin.post("/api/leads", {**new, "source_id": survivor["source_id"]})
    assert refused.status == 409, refused.body
    assert desk.admin.get(f"/api/leads/{survivor['id']}/duplicates").body["duplicates"] == []


FORMER = {"email": "zeb.2@kin.example", "phone": "+12125550153", "phone_alt": "+12125550154"}


def survivor_of(desk: Desk, *, merges: int = 1) -> dict[str, Any]:
    """Return a lead with values of its own that a lead with the former ones was merged into, by way of others."""
    gone = desk.capture(first_name="Zebedee", last_name="Quill", **FORMER)
    for place in range(merges):
        own = {"email": f"zeb{place}@new.example", "phone": f"+1212555016{place}", "phone_alt": f"+1212555017{place}"}
        survivor = desk.capture(first_name="Zeb", last_name="Quillon", **own)
        merged(desk, survivor, gone)
        gone = survivor
    return gone


@pytest.mark.parametrize("merges", [1, 2])
@pytest.mark.parametrize(
    ("given", "by"),
    [
        ({"email": FORMER["email"]}, "email"),
        ({"phone": FORMER["phone"]}, "phone"),
        ({"phone": FORMER["phone_alt"]}, "phone"),
        ({"phone_alt": FORMER["phone"]}, "phone"),
        ({"phone_alt": FORMER["phone_alt"]}, "phone"),
    ],
)
def test_lead_with_a_former_value_and_the_survivor_are_duplicates(
    desk: Desk, merges: int, given: dict[str, str], by: str
):
    survivor = survivor_of(desk, merges=merges)
    own = {"first_name": "Olga", "last_name": "Berg", "email": "olga@berg.example", "phone": None}
    other = desk.capture(**{**own, **given})
    for lead, duplicate in ((other, survivor), (survivor, other)):
        [found] = desk.admin.get(f"/api/leads/{lead['id']}/duplicates").body["duplicates"]
        assert (found["lead_id"], found["match_on"], found["score"]) == (duplicate["id"], [by], 100)


@pytest.mark.parametrize("policy", ["skip", "update"])
@pytest.mark.parametrize(
    ("field", "column"),
    [("email", "email"), *product(("phone", "phone_alt"), ("phone", "phone_alt"))],
)
def test_import_with_a_former_value_finds_the_survivor(desk: Desk, policy: str, column: str, field: str):
    survivor = survivor_of(desk)
    number = "" if field == "phone" else "+12125550177"  # a row needs one, or an address
    content = f"First name,Last name,{field},City,Other\nZeb,Quillon,{FORMER[column]},Lyon,{number}\n".encode()
    kept = send(desk.admin, content).body
    how = {"source_id": desk.source_id, "on_duplicate": policy}
    mapping = {"First name": "first_name", "Last name": "last_name", field: field, "City": "city"}
    mapping |= {"Other": "phone"} if number else {}
    work_off(desk.admin, kept, mapping=mapping, **how)
    [row] = desk.admin.every(f"/api/imports/{kept['id']}/rows")
    assert (row["status"], row["error"]) == ("done", None), row
    assert len(desk.admin.every("/api/leads")) == 1
    assert desk.lead(survivor)["city"] == (None if policy == "skip" else "Lyon")


def test_address_of_a_merged_duplicate_is_not_found_once_the_survivor_is_erased(desk: Desk):
    survivor, duplicate = desk.capture(email="zeb@kin.example"), desk.capture(email="zeb.2@kin.example")
    merged(desk, survivor, duplicate)
    assert desk.admin.post("/api/leads/check", {"email": "zeb.2@kin.example"}).body["duplicates"]
    assert desk.admin.post(f"/api/leads/{survivor['id']}/erase", {"reason": "They asked."}).status == 200
    assert desk.admin.post("/api/leads/check", {"email": "zeb.2@kin.example"}).body["duplicates"] == []
