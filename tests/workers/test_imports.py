"""Imports of lead files: preview, dry run, import by workers, and export of errors."""

import csv
import io
import zipfile
from functools import partial
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from tests.support.bulk import chunks
from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk
from tests.support.importing import XLSX, send, work_off
from workers import runner
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

LEADS = (
    "Name;E-mail;Phone;Source;DOB\r\n"
    "Ana Ruiz;ana@lead.example;'+12125550143;Walk-in;3/31/2012\r\n"
    "Ben Ott;ben@lead.example;;Walk-in;\r\n"
).encode("cp1252")


def upload(desk: Desk, content: bytes = LEADS, **more: Any) -> dict[str, Any]:
    answer = send(desk.admin, content, **more)
    assert answer.status == 201, answer.body
    kept: dict[str, Any] = answer.body
    return kept


def rows(desk: Desk, kept: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    return desk.admin.every(f"/api/imports/{kept['id']}/rows", **query)


def names(desk: Desk) -> list[str]:
    return sorted(f"{lead['first_name']} {lead['last_name']}" for lead in desk.admin.every("/api/leads"))


def test_preview_recognizes_columns_and_format(desk: Desk):
    kept = upload(desk, name="fair.csv")
    assert (kept["name"], kept["rows"], kept["encoding"], kept["job"]) == ("fair.csv", 2, "utf-8", None)
    assert kept["mapping"] == {
        "Name": "full_name", "E-mail": "email", "Phone": "phone", "Source": "source", "DOB": "patient_dob",
    }  # fmt: skip
    assert kept["sample"][1] == ["Ben Ott", "ben@lead.example", "", "Walk-in", ""]
    assert names(desk) == []


def test_imported_leads_are_like_captured_ones(desk: Desk):
    ana = desk.hire(Role.TREATMENT_COORDINATOR)
    done = work_off(desk.admin, upload(desk))
    assert (done["job"]["state"], done["job"]["done"], done["job"]["percent"]) == ("done", 2, 100.0)
    assert names(desk) == ["Ana Ruiz", "Ben Ott"]
    [lead] = [lead for lead in desk.admin.every("/api/leads") if lead["first_name"] == "Ana"]
    assert (lead["phone"], lead["patient_dob"], lead["capture_channel"]) == ("+12125550143", "2012-03-31", "IMPORT")
    assert (lead["assigned_to_id"], lead["pipeline_stage"]) == (ana.id, "new_lead")
    assert len(desk.admin.every(f"/api/leads/{lead['id']}/touches")) == 1
    assert desk.steps(lead) == []  # no call task for each of a thousand old acquaintances, unless that is asked for


def test_rules_start_for_imported_leads_on_request(desk: Desk):
    work_off(desk.admin, upload(desk), runs_rules=True)
    assert all(desk.steps(lead) for lead in desk.admin.every("/api/leads"))


def test_preview_counts_the_follow_ups_that_an_import_then_has(desk: Desk):
    desk.hire(Role.TREATMENT_COORDINATOR)
    content = LEADS + LEADS.splitlines(keepends=True)[1] + b"Cy Moor;;646 555 0177;Walk-in;\r\n"  # one row twice
    preview = work_off(desk.admin, upload(desk, content), "preview", runs_rules=True)
    predicted = {rule["rule"]: (rule["tasks"], rule["messages"]) for rule in preview["follow_ups"]}
    assert names(desk) == []
    assert preview["follow_ups"][0]["description"]
    done = work_off(desk.admin, upload(desk, content), runs_rules=True)
    assert (done["follow_ups"], done["job"]["done"]) == (None, 4)
    kinds = {"create_task": 0, "escalate": 0, "send_message": 1}
    actual: dict[str, list[int]] = {}
    for lead in desk.admin.every("/api/leads"):
        for step in desk.steps(lead):
            actual.setdefault(step["name"], [0, 0])[kinds[step["kind"]]] += 1
    assert {rule: tuple(counts) for rule, counts in actual.items()} == predicted
    assert predicted["speed-to-lead"] == (3, 0)
    while runner.run(Kind.CREATE_TASK, []):
        pass
    assert len(desk.admin.every("/api/followups")) == predicted["speed-to-lead"][0]


def test_preview_without_rules_counts_no_follow_ups(desk: Desk):
    assert work_off(desk.admin, upload(desk), "preview")["follow_ups"] == []


def test_preview_tests_conditions_on_tags_of_the_new_leads(desk: Desk):
    rule = {
        "name": "vip-call",
        "on": "lead.created",
        "when": [{"field": "lead.tags", "contains": "vip"}],
        "do": [{"create_task": {"type": "CALL", "title": "Call"}}],
    }
    made = desk.admin.post("/api/follow-up-rules", rule)
    assert made.status == 201, made.body
    desk.admin.post(f"/api/follow-up-rules/{made.body['id']}/publish", {})
    desk.admin.post(f"/api/follow-up-rules/{made.body['id']}/activate")
    content = b"Name,Phone,Tags,Source\nAna Ruiz,212 555 0143,vip,Walk-in\nBen Ott,646 555 0100,,Walk-in\n"
    preview = work_off(desk.admin, upload(desk, content), "preview", runs_rules=True)
    assert {one["rule"]: one["tasks"] for one in preview["follow_ups"]}["vip-call"] == 1


PIPEDRIVE = (
    b"Person - Name,Person - Email - Work,Person - Phone - Mobile,Deal - Stage,Deal - Owner,Person - ID\n"
    b"Ana Ruiz,ana@lead.example,212 555 0143,Contacted,Nora Park,251\n"
    b"Ben Ott,ben@lead.example,646 555 0100,New Lead,Nora Park,252\n"
    b"Cy Moor,cy@lead.example,646 555 0101,,,251\n"
    b"Di Low,di@lead.example,646 555 0102,Negotiation,,254\n"
)


def test_stage_owner_and_id_of_another_product_are_kept(desk: Desk):
    nora = desk.hire(Role.TREATMENT_COORDINATOR, "Nora Park")
    kept = upload(desk, PIPEDRIVE)
    done = work_off(desk.admin, kept, source_id=desk.source_id)
    assert (done["job"]["done"], done["job"]["failed"]) == (4, 0)
    leads = {lead["first_name"]: lead for lead in desk.admin.every("/api/leads")}
    assert [leads[name]["pipeline_stage"] for name in ("Ana", "Ben", "Cy")] == ["contacted", "new_lead", "new_lead"]
    assert [leads[name]["status"] for name in ("Ana", "Ben")] == ["ACTIVE", "NEW"]
    assert (leads["Ana"]["assigned_to_id"], leads["Ben"]["assigned_to_id"]) == (nora.id, nora.id)
    assert [leads[name]["external_id"] for name in ("Ana", "Ben", "Cy")] == ["251", "252", None]  # each id once
    again = upload(desk, PIPEDRIVE)
    assert work_off(desk.admin, again, source_id=desk.source_id, on_duplicate="create")["job"]["done"] == 4


def test_unknown_stage_is_kept_in_the_notes_and_counted_in_the_preview(desk: Desk):
    content = (
        b"Name,Phone,Lead Status,Description\n"
        b"Ana Ruiz,212 555 0143,Attempted to Contact,Prefers mornings\n"
        b"Ben Ott,646 555 0100,attempted to contact,\n"
        b"Cy Moor,646 555 0101,Attempted to Contact,\n"
        b"Di Low,646 555 0102,IN_PROGRESS,\n"
        b"Ed May,646 555 0103,Contacted,\n"
        b"Flo Nye,646 555 0104,Lost,\n"
    )
    kept = upload(desk, content)
    before = work_off(desk.admin, kept, "preview", source_id=desk.source_id)
    text = "Lead Status: Your clinic has no stage “{}”. The lead is in the first stage, and its notes keep the name."
    warnings = [
        {"text": text.format("Attempted to Contact"), "rows": 2},
        {"text": text.format("IN_PROGRESS"), "rows": 1},
        {"text": text.format("attempted to contact"), "rows": 1},
    ]
    assert before["warnings"] == warnings
    after = work_off(desk.admin, kept, source_id=desk.source_id)
    assert (after["warnings"], after["job"]["done"], after["job"]["failed"]) == (warnings, 5, 1)
    [closed] = rows(desk, kept, status="failed")
    assert closed["error"] == "Lead Status: Not an open stage of your clinic."
    leads = {lead["first_name"]: lead for lead in desk.admin.every("/api/leads")}
    assert [leads[name]["pipeline_stage"] for name in ("Ana", "Di", "Ed")] == ["new_lead", "new_lead", "contacted"]
    notes = {name: desk.admin.get(f"/api/leads/{lead['id']}").body["notes"] for name, lead in leads.items()}
    assert notes["Ana"] == "Prefers mornings\nStage before the import: Attempted to Contact"
    assert (notes["Di"], notes["Ed"]) == ("Stage before the import: IN_PROGRESS", None)


def test_unknown_stage_does_not_change_the_notes_of_an_existing_lead(desk: Desk):
    work_off(desk.admin, upload(desk, b"Name,Phone,Notes\nAna Ruiz,212 555 0143,Mornings\n"), source_id=desk.source_id)
    again = upload(desk, b"Name,Phone,Stage\nAna Ruiz,212 555 0143,Qualified\n")
    done = work_off(desk.admin, again, source_id=desk.source_id, on_duplicate="update")
    assert (done["updated"], done["warnings"]) == (1, [])
    [lead] = desk.admin.every("/api/leads")
    assert desk.admin.get(f"/api/leads/{lead['id']}").body["notes"] == "Mornings"


def test_error_names_the_field_as_the_screen_does_if_no_column_fills_it(desk: Desk):
    kept = upload(desk, b"Name,City\nAna Ruiz,Springfield\n")
    work_off(desk.admin, kept, "preview", source_id=desk.source_id)
    [row] = rows(desk, kept, status="failed")
    mistake = "Give a phone number or an e-mail address."
    assert row["error"] == f"Phone: {mistake}; E-mail: {mistake}"


def test_workbook_is_imported_like_csv(desk: Desk):
    book = openpyxl.Workbook()
    for row in (["First name", "Last name", "Mobile"], ["Ana", "Ruiz", 12125550143], ["Ben", "Ott", "646 555 0100"]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    kept = upload(desk, file.getvalue(), kind=XLSX)
    work_off(desk.admin, kept, source_id=desk.source_id)
    assert sorted(lead["phone"] for lead in desk.admin.every("/api/leads")) == ["+12125550143", "+16465550100"]


BAD = (
    b"Name,Phone,Born\n"
    b"Ana Ruiz,212 555 0143,2012-03-31\n"
    b"Ben Ott,12,2012-03-31\n"
    b"Cy Moor,646 555 0100,yesterday\n"
    b",646 555 0101,\n"
    b"=1+1,646 555 0102,\n"
)
MAPPING = {"Name": "full_name", "Phone": "phone", "Born": "patient_dob"}


def test_dry_run_reports_every_error_by_row_and_creates_no_lead(desk: Desk):
    kept = upload(desk, BAD)
    shown = work_off(desk.admin, kept, "preview", mapping=MAPPING, source_id=desk.source_id)
    assert (shown["job"]["done"], shown["job"]["failed"]) == (2, 3)
    failed = {row["number"]: row["error"] for row in rows(desk, kept, status="failed")}
    assert failed.keys() == {3, 4, 5}
    assert failed[3] == "Phone: Not a phone number."
    assert failed[4].startswith("Born: Not a date")  # without the value itself: that is stored beside, encrypted
    assert failed[5] == "Name: Missing data for required field."
    assert names(desk) == []


def test_failed_rows_can_be_exported_corrected_and_imported(desk: Desk):
    kept = upload(desk, BAD)
    work_off(desk.admin, kept, mapping=MAPPING, source_id=desk.source_id)
    assert names(desk) == ["=1+1 =1+1", "Ana Ruiz"]
    file = desk.admin.client.get(
        f"/api/imports/{kept['id']}/errors", headers={"Authorization": f"Bearer {desk.admin.token}"}
    )
    assert file.headers["Content-Type"].startswith("text/csv")
    [heads, *back] = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert heads == ["Name", "Phone", "Born", "Error"]
    assert [row[0] for row in back] == ["Ben Ott", "Cy Moor", ""]
    mended = file.data.replace(b",12,", b",646 555 0103,").replace(b"yesterday", b"2011-01-01")
    again = upload(desk, mended)
    assert work_off(desk.admin, again, mapping=MAPPING, source_id=desk.source_id)["job"]["done"] == 2
    assert names(desk) == ["=1+1 =1+1", "Ana Ruiz", "Ben Ott", "Cy Moor"]


TWICE = b"Name,Phone,City\nAna Ruiz,212 555 0143,Lyon\nAnna R,(212) 555-0143,Nice\nBen Ott,646 555 0100,Metz\n"


@pytest.mark.parametrize(
    ("policy", "leads", "city", "reasons"),
    [
        ("skip", 2, "Paris", ["skipped", "skipped", None]),
        ("update", 2, "Nice", ["updated", "updated", None]),
        ("create", 4, "Paris", [None, None, None]),
    ],
)
def test_duplicates_are_handled_as_requested(desk: Desk, policy: str, leads: int, city: str, reasons: list[str | None]):
    known = desk.capture(city="Paris")  # the phone of the first two
    kept = upload(desk, TWICE)
    work_off(desk.admin, kept, on_duplicate=policy, source_id=desk.source_id)
    assert [row["reason"] for row in rows(desk, kept)] == reasons
    shown = desk.admin.get(f"/api/imports/{kept['id']}").body
    assert (shown["skipped"], shown["updated"]) == (reasons.count("skipped"), reasons.count("updated"))
    assert (shown["options"]["on_duplicate"], shown["options"]["is_preview"]) == (policy, False)
    assert len(desk.admin.every("/api/leads")) == leads
    assert desk.lead(known)["city"] == city


def test_person_listed_twice_in_a_file_is_one_lead(desk: Desk):
    kept = upload(desk, TWICE)
    rehearsed = work_off(desk.admin, kept, "preview", source_id=desk.source_id)
    assert [row["reason"] for row in rows(desk, kept)] == [None, "skipped", None]
    assert rehearsed["job"]["state"] == "done"
    done = work_off(desk.admin, kept, on_duplicate="update", source_id=desk.source_id)
    assert done["job"]["pending"] == 0
    assert names(desk) == ["Anna R", "Ben Ott"]
    assert [row["reason"] for row in rows(desk, kept)] == [None, "updated", None]


SAME = (
    b"First name,Last name,Phone,E-mail\n"
    b"Ana,Ruiz,(212) 555-0143,ana.ruiz@gmail.com\n"
    b"Ana,Ruiz,+1 212 555 0143,\n"
    b"Ben,Ott,,ben@lead.example\n"
    b"Ana,Ruiz,,AnaRuiz+ortho@Gmail.com\n"
)


@pytest.mark.parametrize(
    ("policy", "result"),
    [
        ("skip", ("done", "skipped")),
        ("update", ("done", "updated")),
        ("refuse", ("failed", "duplicate_lead")),
        ("create", ("done", None)),
    ],
)
def test_preview_and_import_name_the_rows_of_one_person(desk: Desk, policy: str, result: tuple[str, str | None]):
    kept = upload(desk, SAME)
    shown = work_off(desk.admin, kept, "preview", source_id=desk.source_id, on_duplicate=policy)
    assert (shown["duplicates"], shown["repeated"]) == (2, 2)
    assert [row["same_as_row"] for row in rows(desk, kept)] == [None, 2, None, 2]
    assert [row["number"] for row in rows(desk, kept, duplicates="true")] == [3, 5]

    done = work_off(desk.admin, kept, source_id=desk.source_id, on_duplicate=policy)
    found = rows(desk, kept)
    ana = found[0]["lead_id"]
    assert [(row["status"], row["reason"]) for row in found] == [("done", None), result, ("done", None), result]
    assert [row["matched_lead_id"] for row in found] == [None, ana, None, ana]
    assert (done["duplicates"], done["repeated"]) == (2, 0)
    assert len(names(desk)) == (4 if policy == "create" else 2)


def test_preview_finds_the_person_of_another_chunk(desk: Desk):
    people = "".join(f"P{number},Ott,,p{number}@lead.example\n" for number in range(1500))
    kept = upload(desk, SAME + people.encode() + b"Ana,Ruiz,212.555.0143,\n")
    shown = work_off(desk.admin, kept, "preview", source_id=desk.source_id)
    assert (shown["repeated"], shown["job"]["done"]) == (3, 1505)
    assert rows(desk, kept, duplicates="true")[-1]["same_as_row"] == 2
    again = work_off(desk.admin, kept, "preview", source_id=desk.source_id, on_duplicate="update")
    assert again["repeated"] == 3


def test_patient_is_not_changed_by_an_import(desk: Desk):
    known = desk.capture(city="Paris")
    desk.admin.post(f"/api/leads/{known['id']}/convert")
    kept = upload(desk, b"Name,Phone,City\nAna Ruiz,212 555 0143,Lyon\n")
    work_off(desk.admin, kept, on_duplicate="update", source_id=desk.source_id)
    [row] = rows(desk, kept)
    assert (row["status"], "patient" in row["error"]) == ("failed", True)
    assert desk.lead(known)["city"] == "Paris"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"mapping": {"Nothing": "email", "Name": "full_name", "Source": "source"}}, "/mapping"),
        ({"mapping": {"Name": "full_name", "Phone": "shoe_size", "Source": "source"}}, "/mapping"),
        ({"mapping": {"Name": "full_name", "E-mail": "full_name", "Source": "source"}}, "/mapping"),
        ({"mapping": {"E-mail": "email", "Source": "source"}}, "/mapping"),
        ({"mapping": {"Name": "full_name"}}, "/source_id"),
        ({"source_id": "018f0000-0000-7000-8000-000000000000"}, "/source_id"),
        ({"on_duplicate": "merge"}, "/on_duplicate"),
    ],
)
def test_invalid_options_are_refused_before_the_start(desk: Desk, body: dict[str, Any], pointer: str):
    kept = upload(desk)
    assert desk.admin.post(f"/api/imports/{kept['id']}/start", body).pointers == [pointer]
    assert desk.sql("SELECT 1 FROM jobs") == []


def test_invalid_file_is_refused(desk: Desk):
    assert send(desk.admin, LEADS, kind="application/pdf").status == 415
    assert send(desk.admin, b"no zip", kind=XLSX).status == 422
    assert send(desk.admin, b"Name,Phone\n").status == 422
    assert send(desk.admin, b"x" * 20_000_001).status == 413
    assert desk.sql("SELECT 1 FROM imports") == []


def test_file_is_imported_once_at_a_time(desk: Desk):
    kept = upload(desk)
    place = f"/api/imports/{kept['id']}/start"
    assert desk.admin.post(place, {}).status == 202
    assert desk.admin.post(place, {}).status == 409


def test_user_with_limited_scope_cannot_see_imports(desk: Desk):
    assert send(desk.caller(Role.SALES), LEADS).status == 403
    assert send(desk.doctor, LEADS).status == 403
    kept = upload(desk)
    for role in (Role.SALES, Role.MANAGER, Role.DISPATCHER):
        for path in ("", f"/{kept['id']}", f"/{kept['id']}/rows", f"/{kept['id']}/errors"):
            assert desk.caller(role).get(f"/api/imports{path}").status == 403, (role, path)


@pytest.mark.parametrize("narrowed", [{"lead:read": "assigned"}, {"lead:private": None}])
def test_role_with_limited_scope_cannot_import(desk: Desk, narrowed: dict[str, str | None]):
    held = {"lead:read": "all", "lead:private": "all", "lead:import": "all"} | narrowed
    grants = {permission: scope for permission, scope in held.items() if scope}
    answer = desk.admin.post("/api/roles", {"slug": "intake", "name": "x", "grants": grants})
    assert answer.pointers == ["/grants/lead:import"]


def test_updates_respect_the_callers_scope(desk: Desk):
    grants = {"lead:read": "all", "lead:private": "all", "lead:import": "all", "lead:update": "assigned"}
    assert desk.admin.post("/api/roles", {"slug": "intake", "name": "x", "grants": grants}).status == 201
    somebody = desk.hire(Role.DOCTOR)
    desk.admin.patch(f"/api/users/{somebody.id}", {"role": "intake"})
    kept = upload(desk)
    assert somebody.post(f"/api/imports/{kept['id']}/start", {"on_duplicate": "update"}).status == 403
    assert somebody.post(f"/api/imports/{kept['id']}/preview", {}).status == 202


def test_audit_log_has_the_changes_of_an_import(desk: Desk):
    known = desk.capture(city="Paris")
    work_off(desk.admin, upload(desk, TWICE), on_duplicate="update", source_id=desk.source_id)
    changes = [entry for entry in desk.admin.every("/api/audit", subject_id=known["id"]) if entry["act"] == "update"]
    assert {(entry["user_id"], entry["operation"].partition(".")[0]) for entry in changes} == {(desk.admin.id, "jobs")}
    assert "city" in changes[0]["fields"]
    assert {entry["act"] for entry in desk.admin.every("/api/audit", subject="import")} >= {"create", "read"}


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("xl/worksheets/sheet1.xml", b"</sheetData>", b""),
        ("xl/worksheets/sheet1.xml", b"<v>", b"<v>abc"),
        ("xl/worksheets/sheet1.xml", b'r="2"', b'r="x"'),
        ("xl/workbook.xml", b"<sheets>", b"<sheets"),
    ],
)
def test_corrupt_workbook_is_refused(desk: Desk, part: str, old: bytes, new: bytes):
    book, file, broken = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in (["Name", "Phone"], ["Ana Ruiz", 12125550143]):
        book.active.append(row)
    book.save(file)
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(broken, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name).replace(old, new) if name == part else good.read(name))
    assert send(desk.admin, broken.getvalue(), kind=XLSX).status in {201, 422}  # read, or refused: never a crash


def test_workbook_that_would_exhaust_memory_is_refused_and_not_stored(desk: Desk):
    file, bomb = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet().write_column(0, 0, ["Name", "Ana Ruiz"])
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in good.namelist():
            texts = b"<si><t>b</t></si>" * 3_000_000
            is_bomb = name == "xl/sharedStrings.xml"
            packed.writestr(name, good.read(name).replace(b"</sst>", texts + b"</sst>") if is_bomb else good.read(name))
    assert len(bomb.getvalue()) < 200_000
    assert send(desk.admin, bomb.getvalue(), kind=XLSX).status == 422
    assert desk.sql("SELECT 1 FROM imports") == []


def test_file_with_nul_characters_is_refused(desk: Desk):
    content = b"Name,Phone\n" + b"Ana Ruiz,1\n" * 3000 + b"B\0b,2\n"
    assert send(desk.admin, content).status == 422


def test_file_is_deleted_after_a_week(desk: Desk):
    upload(desk)
    with transaction() as session:
        session.connection().exec_driver_sql("UPDATE imports SET created_at = created_at - interval '8 days'")
    assert sweep("forget_old_imports") == 1
    assert desk.sql("SELECT 1 FROM import_rows") == []


def test_large_file_is_imported_in_chunks_with_one_lead_per_row(desk: Desk):
    content = "First name,Last name,E-mail\n" + "".join(f"A,B{n},a{n}@lead.example\n" for n in range(2500))
    done = work_off(desk.admin, upload(desk, content.encode()), source_id=desk.source_id)
    assert (done["job"]["total"], done["job"]["done"]) == (2500, 2500)
    assert desk.sql("SELECT count(*) FROM leads")[0][0] == 2500


def test_workers_share_the_chunks_and_a_person_listed_in_several_is_one_lead(desk: Desk):
    people = "".join(f"A,B,+1212555{n % 900:04},a{n % 900}@lead.example\n" for n in range(2500))
    kept = upload(desk, f"First name,Last name,Phone,E-mail\n{people}".encode())
    started = desk.admin.post(f"/api/imports/{kept['id']}/start", {"source_id": desk.source_id})
    steps = chunks(desk, started.body["job"])
    assert len(steps) == 3
    run_concurrently(*[partial(runner.run, Kind.IMPORT_CHUNK, [step]) for step in steps * 2])
    assert work_off_due(desk, kept)["job"]["done"] == 2500
    assert desk.sql("SELECT count(*), count(DISTINCT phone_blind) FROM leads")[0] == (900, 900)
    assert desk.sql("SELECT count(*) FROM lead_touches")[0][0] == 900


def test_later_row_of_the_file_updates_the_lead_of_an_earlier_chunk(desk: Desk):
    others = "".join(f"A,B{n},,b{n}@lead.example,\n" for n in range(999))
    people = f"Ana,Ruiz,+12125550143,,Paris\n{others}Ana,Ruiz,+12125550143,,Nice\n"
    kept = upload(desk, f"First name,Last name,Phone,E-mail,City\n{people}".encode())
    options = {"source_id": desk.source_id, "on_duplicate": "update"}
    started = desk.admin.post(f"/api/imports/{kept['id']}/start", options)
    first, second = chunks(desk, started.body["job"])

    def run_second() -> None:
        while desk.sql("SELECT 1 FROM job_items WHERE position = 0 AND status = 'pending' FOR UPDATE SKIP LOCKED"):
            pass  # the first chunk has not begun
        runner.run(Kind.IMPORT_CHUNK, [second])

    run_concurrently(partial(runner.run, Kind.IMPORT_CHUNK, [first]), run_second)
    assert [row["reason"] for row in rows(desk, kept)] == [*[None] * 1000, "updated"]
    assert desk.sql("SELECT city FROM leads WHERE first_name = 'Ana'")[0].city == "Nice"


def work_off_due(desk: Desk, kept: dict[str, Any]) -> dict[str, Any]:
    """Run the steps of chunks that were planned again, also those that are due later."""
    while desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'import_chunk' AND state <> 'done' RETURNING id"):
        runner.run(Kind.IMPORT_CHUNK, [])
    shown: dict[str, Any] = desk.admin.get(f"/api/imports/{kept['id']}").body
    return shown
