"""Export of leads: a file that an import reads again."""

import csv
import io
from typing import Any

import openpyxl
import pytest

from app.core.files import exports
from app.identity.models import Role
from app.leads.search.listing import LeadSort
from tests.support.desk import Caller, Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk"]

EXPORT = "/api/leads/export"
ADULT = {
    "first_name": "Zoë",
    "last_name": "O'Hara; Jr.",
    "phone": "+12125550143",
    "email": "zoe@lead.example",
    "notes": '=1+1, "said"\nshe',
    "insurance_member_id": "-17",
    "lead_value": "4500.50",
    "tags": ["vip", "fair; spring, 2026", 'the "best"', "'=x"],
    "treatment_interest": ["INVISALIGN", "RETAINER"],
    "source_campaign": "@spring",
    "city": "'quoted'",
    "state": "'=1+1",
    "address_line1": "''+1",
    "social_platform": "INSTAGRAM",
    "social_handle": "@zoe",
    "score": 85,
    "custom": {"shoe": "+44", "member": True, "size": 0.00001},
}
CHILD = {
    "first_name": "Ben",
    "last_name": "Ott",
    "phone": "+12125550144",
    "patient_first_name": "Cy",
    "patient_last_name": "Ott",
    "patient_dob": "2014-05-31",
    "patient_relationship": "CHILD",
    "language": "fr-CA",
}
ASIDE = {"id", "source_id", "assigned_to_id", "custom"}  # ids differ between the clinics; names are compared


@pytest.fixture
def leads(desk: Desk, other_desk: Desk) -> list[str]:
    add_fields(desk)
    other_desk.capture(phone="600111222")
    return [desk.capture(**ADULT)["id"], desk.capture(**CHILD)["id"]]


def add_fields(desk: Desk) -> None:
    for key, kind in (("shoe", "text"), ("member", "boolean"), ("size", "number")):
        field = {"key": key, "label": key.title(), "type": kind}
        assert desk.admin.post("/api/custom-fields", field).status == 201


def exported(caller: Caller, **query: Any) -> list[dict[str, str]]:
    answer = caller.get(EXPORT, **query)
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("kind", exports.FileFormat)
def test_exported_leads_are_the_same_after_an_import_into_another_clinic(
    desk: Desk, other_desk: Desk, leads: list[str], kind: exports.FileFormat
):
    file = desk.admin.get(EXPORT, format=kind).body
    add_fields(other_desk)
    sent = send(other_desk.admin, file, kind=exports.CONTENT_TYPES[kind].partition(";")[0])
    assert sent.status == 201, sent.body
    mapping = sent.body["mapping"]
    assert mapping["custom.size"] == "custom.size"
    del mapping["source"], mapping["assigned_to"]  # users and sources of the other clinic have other names
    done = work_off(other_desk.admin, sent.body, mapping=mapping, source_id=other_desk.source_id)
    assert (done["job"]["done"], done["job"]["failed"]) == (2, 0), done
    for lead_id in leads:
        old = desk.admin.get(f"/api/leads/{lead_id}").body
        [new] = [one for one in other_desk.admin.every("/api/leads") if one["phone"] == old["phone"]]
        for name in (set(ADULT) | set(CHILD)) - ASIDE:
            assert new[name] == old[name], name
        assert new["custom"] == old["custom"]


def test_export_has_the_leads_of_the_list_with_names_and_states(desk: Desk, leads: list[str]):
    assert desk.admin.post(f"/api/leads/{leads[0]}/lost", {"reason": "NO_RESPONSE"}).status == 200
    rows = exported(desk.admin)
    assert [row["id"] for row in rows] == leads[::-1]
    assert (rows[1]["status"], rows[1]["lost_reason"], rows[1]["phone"]) == ("LOST", "NO_RESPONSE", "'+12125550143")
    [source] = [one for one in desk.admin.every("/api/lead-sources") if one["id"] == desk.source_id]
    assert {row["source"] for row in rows} == {source["name"]}
    assert [row["id"] for row in exported(desk.admin, status="LOST")] == [leads[0]]
    assert exported(desk.admin, tag="none") == []
    assert desk.admin.get(EXPORT, format="pdf", stage="").pointers == ["/format", "/stage"]


@pytest.mark.parametrize("kind", exports.FileFormat)
def test_leads_of_inactive_sources_and_former_coordinators_are_imported(
    desk: Desk, leads: list[str], kind: exports.FileFormat
):
    sam, eve = desk.hire(Role.TREATMENT_COORDINATOR, "Sam"), desk.hire(Role.TREATMENT_COORDINATOR, "Eve")
    source = desk.admin.post("/api/lead-sources", {"name": "Old fair", "category": "OTHER"}).body
    for phone, user in (("+12125550146", sam), ("+12125550147", eve)):
        desk.capture(phone=phone, source_id=source["id"], assigned_to_id=user.id)
    desk.sql("UPDATE lead_sources SET is_active = false WHERE id = :id", id=source["id"])
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=sam.id)
    file = desk.admin.get(EXPORT, format=kind, source_id=source["id"]).body
    desk.sql("DELETE FROM leads WHERE source_id = :id", id=source["id"])
    sent = send(desk.admin, file, kind=exports.CONTENT_TYPES[kind].partition(";")[0]).body
    done = work_off(desk.admin, sent)
    assert (done["job"]["done"], done["job"]["failed"]) == (2, 0)
    again = {one["phone"]: one for one in desk.admin.every("/api/leads", source_id=source["id"])}
    assert again["+12125550147"]["assigned_to_id"] == str(eve.id)
    assert again["+12125550146"]["assigned_to_id"] not in {None, str(sam.id)}


def test_leads_that_cannot_be_decrypted_are_reported_in_the_file(desk: Desk, leads: list[str]):
    social = desk.capture(phone=None, social_platform="X", social_handle="@x", source_id=desk.source_id)["id"]
    desk.sql("UPDATE leads SET sealed = 'broken' WHERE id = :id", id=leads[0])
    rows = {row["id"]: row for row in exported(desk.admin)}
    assert (rows[leads[0]]["phone"], rows[leads[0]]["first_name"]) == ("", "Zoë")
    assert {id_: row["export_error"] for id_, row in rows.items()} == {
        social: "", leads[1]: "", leads[0]: "The encrypted fields of this lead cannot be decrypted."
    }  # fmt: skip


@pytest.mark.parametrize("sort", LeadSort)
def test_export_has_the_leads_and_the_order_of_the_sorted_list(desk: Desk, leads: list[str], sort: LeadSort):
    more = [desk.capture(phone=f"+121255502{n}", score=n, lead_value=str(n % 3)) for n in range(10, 15)]
    for lead in (*more[::2], {"id": leads[0]}):
        desk.plan(lead)
    assert desk.admin.post(f"/api/leads/{more[0]['id']}/lost", {"reason": "NO_RESPONSE"}).status == 200
    listed = [lead["id"] for lead in desk.admin.every("/api/leads", sort=sort)]
    assert [row["id"] for row in exported(desk.admin, sort=sort)] == listed
    assert len(listed) > 1


def test_callers_get_the_leads_and_fields_that_they_may_see(desk: Desk, leads: list[str]):
    sam, marketing = desk.hire(Role.SALES, "Sam"), desk.hire(Role.MARKETING_MANAGER, "Mo")
    own = desk.capture(phone="+12125550145", assigned_to_id=sam.id)["id"]
    assert [row["id"] for row in exported(sam)] == [own]
    row = exported(marketing)[-1]
    assert (row["first_name"], row["notes"], row["insurance_member_id"], row["patient_dob"]) == ("Zoë", "", "", "")


def test_workbook_has_text_only(desk: Desk, leads: list[str]):
    answer = desk.admin.get(EXPORT, format="xlsx")
    headings, *_, last = openpyxl.load_workbook(io.BytesIO(answer.body)).active.iter_rows()
    cells = dict(zip((cell.value for cell in headings), last, strict=True))
    assert (cells["notes"].value, cells["notes"].data_type) == (ADULT["notes"], "s")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="leads.xlsx"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_audit_log_has_the_exported_leads(desk: Desk, leads: list[str]):
    exported(desk.admin)
    [entry] = [one for one in desk.admin.every("/api/audit") if one["operation"] == "leads.export"]
    assert (entry["act"], entry["subject"], sorted(entry["ids"])) == ("read", "lead", sorted(leads))


def test_oversized_export_is_refused(desk: Desk, leads: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    assert desk.admin.get(EXPORT).body["code"] == "too-much-to-export"
