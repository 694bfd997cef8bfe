"""Tests of the fields of the recipe in CONTRIBUTING.md. `end_to_end/test_new_lead_field.py` runs them in a copy."""

import csv
import io
from typing import Any

from app.core.telemetry import logs
from app.leads.duplicates.merge_fields import DEFAULTS
from app.messaging.webhooks.payloads import LEAD_FIELDS
from tests.support.desk import Desk, the_app
from tests.support.importing import send, work_off
from tests.support.practice import Practice, Watch

NEW = {"occupation": "teacher", "second_contact": "EMAIL", "contact_dob": "1985-03-14"}
TESTS = [
    {"field": "lead.occupation", "contains": "teach"},
    {"field": "lead.second_contact", "in": ["EMAIL", "TEXT"]},
    {"field": "lead.contact_dob", "equals": "1985-03-14"},
    {"field": "lead.contact_dob", "days_since": 3650},
]
RULE = {
    "name": "teachers",
    "on": "lead.created",
    "when": TESTS,
    "after": "1 hour",
    "do": [{"create_task": {"title": "Call the school", "type": "CALL"}}],
}


def new_values(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in NEW}


def test_requests_responses_and_edits(desk: Desk):
    lead = desk.capture(**NEW)
    assert new_values(lead) == NEW
    path = f"/api/leads/{lead['id']}"
    assert desk.front_desk.patch(path, {"occupation": "nurse", "contact_dob": None}).status == 200
    assert new_values(desk.lead(lead)) == {**NEW, "occupation": "nurse", "contact_dob": None}
    refused = desk.front_desk.patch(path, {"second_contact": "PIGEON", "contact_dob": "2999-01-01"})
    assert sorted(refused.pointers) == ["/contact_dob", "/second_contact"]
    [entry] = [one for one in desk.admin.every("/api/audit", subject_id=lead["id"]) if one["act"] == "update"]
    assert entry["after"]["occupation"] == "nurse"


def test_list_of_fields(desk: Desk):
    listed = {one["name"]: one for one in desk.front_desk.get("/api/leads/fields").body["fields"]}
    assert [listed[name]["type"] for name in NEW] == ["text", "choice", "past_date"]
    assert listed["occupation"]["longest"] == 100


def test_web_form(desk: Desk):
    asked = [{"name": name, "required": False} for name in ("phone", *NEW)]
    about = {"name": "Contact", "allowed_origins": ["https://a.example"], "source_id": desk.source_id, "fields": asked}
    form = desk.admin.post("/api/web-forms", about).body
    html = desk.admin.get(f"/api/web-forms/{form['id']}/html").body["html"]
    assert '<input name="contact_dob" type="date" autocomplete="bday">' in html
    sent = desk.client().post(f"/api/public/forms/{form['key']}/leads", data={"phone": "212-555-0143", **NEW})
    assert sent.status_code == 202, sent.text
    [lead] = desk.admin.every("/api/leads")
    assert new_values(lead) == NEW


def test_import_and_export(desk: Desk):
    file = b"name,phone,job,second way of contact,contact_dob\nAna Ruiz,(212) 555-0143,teacher,email,3/14/1985\n"
    kept = send(desk.admin, file).body
    work_off(desk.admin, kept, source_id=desk.source_id)
    [lead] = desk.admin.every("/api/leads")
    assert new_values(lead) == NEW
    answer = desk.admin.get("/api/leads/export")
    [row] = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert new_values(row) == NEW


def test_conditions_templates_and_why(desk: Desk):
    made = desk.admin.post("/api/follow-up-rules", RULE)
    assert made.status == 201, made.body
    lead = desk.capture(**NEW)
    assert len(desk.steps(lead, name="teachers")) == 1
    assert desk.steps(desk.capture(**{**NEW, "contact_dob": "1985-03-15"}), name="teachers") == []
    assert desk.steps(desk.capture(), name="teachers") == []
    body = "{{ lead.occupation }}, {{ lead.second_contact }}, {{ lead.birthday }}"
    asked = {"variants": [{"subject": "Hello", "body": body}]}
    sample = desk.admin.post("/api/message-templates/preview", asked).body
    assert sample["body"] == "teacher, email, 1985-03-14"
    real = desk.admin.post("/api/message-templates/preview", {**asked, "lead_id": desk.capture()["id"]}).body
    assert sorted(real["missing"]) == ["lead.birthday", "lead.occupation", "lead.second_contact"]


def test_worker_tests_conditions_and_fills_texts(practice: Practice, watch: Watch):
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    title = "Call the {{ lead.occupation }} born {{ lead.birthday }}"
    rule = {**RULE, "when": [], "only_if": TESTS, "do": [{"create_task": {"title": title, "type": "CALL"}}]}
    assert desk.admin.post("/api/follow-up-rules", rule).status == 201
    for given in (NEW, {**NEW, "contact_dob": "1985-03-15"}):
        desk.capture(**given)
    watch.advance(hours=1)
    practice.run_due()
    made = [task.title for task in practice.rows("lead_tasks") if "born" in task.title]
    assert made == ["Call the teacher born 1985-03-14"]


def test_simulation(desk: Desk):
    rule = desk.admin.post("/api/follow-up-rules", RULE).body
    facts = {f"lead.{name}": value for name, value in NEW.items()}
    path = f"/api/follow-up-rules/{rule['id']}/simulate"
    for given, planned in ((facts, 1), ({}, 0)):
        simulated = desk.admin.post(path, {"facts": given, "days": 1}).body
        [created] = [entry for entry in simulated["timeline"] if entry["name"] == "lead.created"]
        assert len(created["planned"]) == planned, simulated


def test_merge_and_erasure(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture(**NEW)
    answer = desk.front_desk.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert answer.status == 200, answer.body
    assert new_values(desk.lead(survivor)) == NEW
    assert desk.admin.post(f"/api/leads/{survivor['id']}/erase", {"reason": "They asked."}).status in {200, 204}
    [row] = desk.sql("SELECT * FROM leads WHERE id = :id", id=survivor["id"])
    assert (row.occupation, row.second_contact, row.sealed) == (None, None, None)


def test_webhooks_and_logs():
    assert "occupation" in LEAD_FIELDS
    assert not {"second_contact", "contact_dob"} & {*LEAD_FIELDS}
    assert NEW.keys() <= logs.hidden_keys()
    assert not NEW.keys() & DEFAULTS.keys()
