"""An erased person is found nowhere: in no table, no file, and no message of the broker, encrypted or not.

The first test plants data through the API. The others write it into every column that is declared as personal, so that
a new column takes part without a change here.
"""

import json
import re
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import ARRAY, Boolean, CheckConstraint, Column, DateTime, LargeBinary, Text, Uuid, delete
from sqlalchemy.dialects.postgresql import JSONB

from app.audit.audit_log import change_context
from app.config import get_settings
from app.core.db import insert_many, model_of, to_json, transaction
from app.engine.models import Kind
from app.leads.capture.imports.rows import encrypted_row
from app.leads.personal_data.columns import Erased
from app.leads.personal_data.tables import PERSONAL_TABLES, TABLES
from app.models import Base
from app.ops import cli
from app.ops.backup.tools import find_tools, libpq_environment
from app.ops.embedded import Postgres, Valkey
from app.security.encrypted_fields import encrypt_row, encrypted_fields_of
from app.security.encryption import decrypt, encryption_context
from tests.support.broker_monitor import broker_contents
from tests.support.desk import Desk
from tests.support.environment import this_process
from tests.support.importing import send, work_off
from tests.support.inbound import mail, receive
from tests.support.practice import TUESDAY
from workers import runner

pytest_plugins = ["tests.support.desk"]

FIRST, LAST = "Zanzibar", "Quillfeather"
NAME: Final = f"{FIRST} {LAST}"
EMAIL, PHONE = "zanzibar@quillfeather.example", "+12125550143"
CANARIES: Final = ("zanzibar", "quillfeather", "2125550143")


# What is stored


def everything(postgres: Postgres, valkey: Valkey) -> Iterator[tuple[str, str]]:
    """Yield all that the system stores as pairs of place and text: tables, decrypted values, files, broker."""
    yield "pg_dump", _dump(postgres)
    yield from _decrypted(postgres)
    yield "broker", broker_contents(valkey)
    data = this_process()
    for file in data.rglob("*"):
        if file.is_file() and not {"postgres", "valkey", "pgdata"} & set(file.relative_to(data).parts):
            yield str(file), file.read_bytes().decode(errors="replace")


def _major(postgres: Postgres) -> int:
    with postgres.connect("relance") as owner:
        return int(owner.info.server_version // 10000)


def _dump(postgres: Postgres) -> str:
    url = get_settings().owner_url
    done = subprocess.run(
        find_tools(_major(postgres)).command("pg_dump", "--data-only", "--schema=public"),
        env=libpq_environment(url),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def _decrypted(postgres: Postgres) -> Iterator[tuple[str, str]]:
    """Yield each encrypted value of the database, decrypted. One that cannot be decrypted fails the test."""
    with postgres.connect("relance") as owner:
        for table in Base.metadata.tables:
            if encrypted_fields_of(model_of(table)):
                for row_id, sealed in owner.execute(f"SELECT id, sealed FROM {table} WHERE sealed IS NOT NULL"):
                    text = decrypt(sealed, context=encryption_context(table, "sealed", row_id)).decode()
                    yield f"{table}.sealed", f"{text} {_from_base64(text)}"
        for job, place, sealed in owner.execute(
            "SELECT job_id, position, lead_sealed FROM job_items WHERE lead_sealed IS NOT NULL"
        ):
            context = encryption_context("job_items", "lead_sealed", job, place)
            yield "job_items.lead_sealed", decrypt(sealed, context=context).decode()
        for of, place, sealed in owner.execute(
            "SELECT import_id, position, cells_sealed FROM import_rows WHERE cells_sealed IS NOT NULL"
        ):
            context = encryption_context("import_rows", "cells_sealed", of, place)
            yield "import_rows.cells_sealed", decrypt(sealed, context=context).decode()
        for clinic, caller, path, key, body in owner.execute(
            "SELECT clinic_id, caller_id, path, key, body FROM kept_answers WHERE body IS NOT NULL"
        ):
            context = "\n".join(["kept_answers.body", *map(str, (clinic, caller, path, key))])
            yield f"kept_answers.body of {path}", decrypt(body, context=context).decode()
        for clinic, request, subject, sealed in owner.execute(
            "SELECT e.clinic_id, e.request_id, e.subject, c.sealed FROM audit_changes c"
            " JOIN audit_entries e ON e.number = c.entry"
        ):
            yield f"audit_changes of {subject}", decrypt(sealed, context=change_context(clinic, request)).decode()


def _from_base64(text: str) -> str:
    """Return what the content of a raw mail says."""
    content = json.loads(text).get("content")
    return b64decode(content).decode(errors="replace") if isinstance(content, str) else ""


def places_of_the_person(postgres: Postgres, valkey: Valkey) -> set[str]:
    found = set()
    for place, text in everything(postgres, valkey):
        folded = text.lower()
        for canary in CANARIES:
            if canary in folded:
                at = folded.index(canary)
                found.add(f"{place}: …{text[max(at - 120, 0) : at + 60]}…")
    return found


def erase(desk: Desk, lead_id: object) -> None:
    answer = desk.admin.post(f"/api/leads/{lead_id}/erase", {"reason": "They asked."}, key="erasure")
    assert answer.status == 200, answer.body


# Through the API


@pytest.fixture
def daytime() -> Iterator[None]:
    """Set the clock to the daytime, because no message is sent at night."""
    with time_machine.travel(TUESDAY):
        yield


@pytest.mark.usefixtures("daytime")
def test_nothing_that_came_by_the_api_is_left_after_an_erasure(desk: Desk, postgres: Postgres, valkey: Valkey):
    lead = _lead_with_everything(desk)
    before = {place.partition(":")[0].partition(" of ")[0] for place in places_of_the_person(postgres, valkey)}
    assert before >= {
        *("pg_dump", "leads.sealed", "lead_activities.sealed", "notifications.sealed", "inbound_emails.sealed"),
        *("inbound_raw_emails.sealed", "import_rows.cells_sealed", "job_items.lead_sealed", "kept_answers.body"),
        "audit_changes",
    }
    erase(desk, lead["id"])
    assert places_of_the_person(postgres, valkey) == set()
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 404


def _lead_with_everything(desk: Desk) -> dict[str, Any]:
    """Create a lead, and write its name wherever the API takes a text. Some rows are never linked to the lead."""
    field = {"key": "hobby", "label": "Hobby", "type": "text"}
    assert desk.admin.post("/api/custom-fields", field).status == 201
    lead = desk.capture(
        first_name=FIRST, last_name=LAST, patient_first_name=FIRST, patient_last_name=LAST, patient_relationship="SELF",
        email=EMAIL, phone=PHONE, notes=NAME, city=NAME, address_line1=NAME, address_line2=NAME, preferred_time=NAME,
        patient_dob="2011-02-03", insurance_carrier=NAME, insurance_member_id=NAME, source_detail=NAME,
        source_campaign=NAME, social_platform="X", social_handle=NAME,
        tags=[NAME], custom={"hobby": NAME}, referring_patient_id=str(uuid4()), referring_provider_id=str(uuid4()),
        lead_value="900.00", treatment_interest=["RETAINER"],
    )  # fmt: skip
    at = f"/api/leads/{lead['id']}"

    def post(path: str, body: Any, *statuses: int, key: str | None = None) -> Any:
        answer = desk.admin.post(path, body, key=key)
        assert answer.status in (statuses or (200, 201, 202)), (path, answer.body)
        return answer.body

    utm = {f"utm_{name}": NAME for name in ("source", "medium", "campaign", "term", "content")}
    post(f"{at}/touches", {"source_id": desk.source_id, "campaign": NAME, "medium": NAME, **utm})
    task = desk.plan(lead, title=f"Call {NAME}", description=NAME, tags=[NAME])
    desk.admin.patch(f"/api/leads/tasks/{task['id']}", {"title": f"Call {NAME} again"})
    post(f"/api/leads/tasks/{task['id']}/complete", {"outcome": "spoke", "notes": NAME})
    post(f"{at}/activities", {"type": "NOTE", "notes": NAME}, key="once")
    assert desk.admin.put(f"{at}/legal-hold", {"reason": NAME}).status == 200
    assert desk.admin.delete(f"{at}/legal-hold").status == 204
    post(f"{at}/consents", {"way": "email", "is_given": True, "wording": NAME, "source": NAME})
    post("/api/events", {"lead_id": lead["id"], "name": "custom.seen", "data": {"who": NAME}, "key": NAME})
    post("/api/followups/views", {"name": NAME, "filters": {"q": NAME}}, key="view")
    follow_up = {"type": "CALL", "title": f"Call {NAME}", "description": NAME, "due_in_minutes": 60}
    post("/api/followups/bulk", {"lead_ids": [lead["id"]], "followup": follow_up}, key="call")
    broken = {"first_name": FIRST, "last_name": LAST, "email": EMAIL, "phone": "none", "source_id": desk.source_id}
    post("/api/followups/bulk", {"leads": [broken], "followup": {**follow_up, "title": "Call"}})
    runner.run(Kind.IMPORT_CHUNK, [])
    post("/api/suppressions", {"email": "other@people.example", "reason": f"{NAME} says so"})
    file = f"Name,Phone,Email\n{NAME},none,{EMAIL}\nBen Ott,646 555 0100,ben@ott.example\n".encode()
    send(desk.admin, file)  # never started
    work_off(desk.admin, send(desk.admin, file).body, source_id=desk.source_id)
    receive(desk.clinic_id, mail(NAME, sender=f"{NAME} <{EMAIL}>", subject=NAME))
    for _ in range(3):
        post(f"{at}/activities", {"type": "PHONE_CALL", "outcome": "no_answer", "notes": NAME})
    while runner.run(Kind.SEND_MESSAGE, []):
        pass
    return lead


# In every declared column

_NOW: Final = datetime(2026, 11, 3, 15, tzinfo=UTC)


class Planted:
    """One row of the person in each table, with a canary in each column that an erasure must not leave."""

    def __init__(self, desk: Desk, lead_id: UUID) -> None:
        self.desk = desk
        self.lead_id = lead_id
        self.ids: dict[str, UUID] = {"leads": lead_id, "clinics": desk.clinic_id, "users": UUID(desk.admin.id)}
        self.file = uuid4()

    def row(self, table: str) -> dict[str, Any]:
        """Return a row: the canary where it may be, else the simplest value."""
        stored = Base.metadata.tables[table]
        if table == "import_rows":
            return encrypted_row(self.file, 1, 1, [NAME])
        fields = encrypted_fields_of(model_of(table))
        row = {one.name: self._value(table, one) for one in stored.columns if one.computed is None}
        row = {name: value for name, value in row.items() if value is not None and name != "sealed"}
        if fields:
            return encrypt_row(model_of(table), row | _fields(fields))
        return row

    def _value(self, table: str, column: Column[Any]) -> Any:
        given = {
            **dict.fromkeys(("imports.id", "import_row_keys.import_id"), self.file),
            "jobs.spec": {"text": [NAME], "import_id": str(self.file)},
            f"{table}.cause": {"rule": "payment", "key": NAME, "keys": {"invoice": NAME}},
            f"{table}.ends_at": _NOW + timedelta(days=1),
            f"{table}.clinic_id": self.desk.clinic_id,
            f"{table}.lead_id": self.lead_id,
            **{f"{table}.{column.name}": self.ids.get(key.column.table.name) for key in column.foreign_keys},
        }
        if (name := f"{table}.{column.name}") in given:
            return given[name]
        declared = TABLES[table].columns.get(column.name)
        is_personal = declared is not None and declared.erased is not Erased.STAYS
        canary = _canary(column.type) if is_personal else None
        simple = None if column.nullable and not is_personal else _simple(column.type)
        return _allowed(column) or canary or simple

    def plant(self) -> None:
        """Insert a row of the person into each table, parents first."""
        for table in _parents_first():
            row = self.row(table)
            with transaction() as session:
                stored = Base.metadata.tables[table]
                if [one.name for one in stored.primary_key] == ["lead_id"]:
                    session.execute(delete(stored).where(stored.c.lead_id == self.lead_id))
                insert_many(session, model_of(table), [row])
            self.ids.setdefault(table, row.get("id", row.get("job_id")))


def _fields(names: Iterable[str]) -> dict[str, str]:
    """Return a value for each encrypted field."""
    return {name: b64encode(NAME.encode()).decode() if name == "content" else NAME for name in names}


def _allowed(column: Column[Any]) -> str | None:
    """Return the first value that a constraint allows in a column of codes."""
    for constraint in column.table.constraints:
        if isinstance(constraint, CheckConstraint):
            found = re.search(rf"\b{column.name} IN \('([^']+)'", str(constraint.sqltext))
            if found:
                return found[1]
    return None


def _canary(kind: Any) -> Any:
    match kind:
        case JSONB():
            return {"text": [NAME]}
        case ARRAY():
            return [NAME] if isinstance(kind.item_type, Text) else None
        case Text():
            return NAME
    return None


_SIMPLE: Final = ((Uuid, uuid4), (DateTime, lambda: _NOW), (Boolean, bool), (JSONB, dict), (ARRAY, list))


def _simple(kind: Any) -> Any:
    for one, make in _SIMPLE:
        if isinstance(kind, one):
            return make()
    return b"x" if isinstance(kind, LargeBinary) else "x" if isinstance(kind, Text) else 1


def _parents_first() -> list[str]:
    order = [table.name for table in Base.metadata.sorted_tables]
    needed = {*PERSONAL_TABLES, "jobs", "imports", "sequences"}
    return [name for name in order if name in needed - {"leads"}]


def test_nothing_is_left_in_any_declared_column(desk: Desk, postgres: Postgres, valkey: Valkey):
    lead = desk.capture(first_name=FIRST, last_name=LAST, email=EMAIL, phone=PHONE)
    planted = Planted(desk, UUID(lead["id"]))
    planted.plant()
    # Each table has a row of the person.
    for table, declared in PERSONAL_TABLES.items():
        assert _count(desk, table, declared.rows, lead["id"]), table
    _fill_lead(desk, lead["id"])
    assert desk.admin.delete(f"/api/leads/{lead['id']}/legal-hold").status == 204  # or the erasure is refused
    erase(desk, lead["id"])
    assert places_of_the_person(postgres, valkey) == set()
    for table, declared in PERSONAL_TABLES.items():
        if declared.is_deleted:
            assert not _count(desk, table, declared.rows, lead["id"]), table
            continue
        for name, column in declared.columns.items():
            if column.erased is Erased.REPLACED and name in Base.metadata.tables[table].columns:
                left = f"{declared.rows} AND t.{name} IS DISTINCT FROM {column.value}"
                assert not _count(desk, table, left, lead["id"]), f"{table}.{name}"


def _count(desk: Desk, table: str, where: str | None, lead_id: str) -> int:
    [row] = desk.sql(f"SELECT count(*) AS n FROM {table} AS t WHERE {where}", lead=lead_id)
    return int(row.n)


def _fill_lead(desk: Desk, lead_id: str) -> None:
    """Set each personal column of the lead: texts to the canary, others to a value."""
    fields = encrypted_fields_of(model_of("leads"))
    values: dict[str, Any] = {}
    for name, declared in TABLES["leads"].columns.items():
        if declared.erased is Erased.REPLACED and name not in fields and not name.endswith("_blind"):
            column = Base.metadata.tables["leads"].columns[name]
            canary = _canary(column.type)
            values[name] = canary if canary is not None else _simple(column.type)
    with transaction() as session:
        row = session.get_one(model_of("leads"), UUID(lead_id))
        for name, value in values.items():
            setattr(row, name, value)
        for name in fields:
            setattr(row, name, "2011-02-03" if name == "patient_dob" else NAME if name not in {"email", "phone"} else
                    {"email": EMAIL, "phone": PHONE}[name])  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [name for name, one in TABLES.items() if any(c.erased is Erased.IF_NAMED for c in one.columns.values())],
)
def test_texts_of_users_lose_the_name_of_the_person(desk: Desk, postgres: Postgres, valkey: Valkey, table: str):
    lead = desk.capture(first_name=FIRST, last_name=LAST, email=EMAIL, phone=PHONE)
    other = desk.capture(first_name="Ben", last_name="Ott", phone="(646) 555-0100")
    planted = Planted(desk, UUID(lead["id"]))
    rows: list[Mapping[str, Any]] = [planted.row(table), _of_another(planted.row(table))]
    with transaction() as session:
        insert_many(session, model_of(table), rows)
    erase(desk, lead["id"])
    assert places_of_the_person(postgres, valkey) == set()
    assert desk.sql(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%Ben Ott%'"), "the text about another person stays"
    assert desk.lead(other)["first_name"] == "Ben"


def _of_another(row: dict[str, Any]) -> dict[str, Any]:
    changed = to_json(row).replace(NAME, "Ben Ott")
    other: dict[str, Any] = json.loads(changed)
    for name in ("id", "address_hash"):
        if name in other:
            other[name] = str(uuid4()) if name == "id" else "\\x0102"
    return other


def test_a_file_that_is_no_list_of_erasures_is_refused(desk: Desk, tmp_path: Path):
    file = tmp_path / "erasures"
    file.write_text("somebody\n")
    refused = CliRunner().invoke(cli.relance, ["erasures", "apply", str(file)])
    assert "line 1: not a line of `relance erasures list`" in str(refused.exception)


# Export


def test_export_has_every_declared_column(desk: Desk):
    lead = desk.capture(first_name=FIRST, last_name=LAST, email=EMAIL, phone=PHONE)
    Planted(desk, UUID(lead["id"])).plant()
    _fill_lead(desk, lead["id"])
    tables = desk.admin.post(f"/api/leads/{lead['id']}/export").body["tables"]
    for table, declared in PERSONAL_TABLES.items():
        expected = {name for name, column in declared.columns.items() if column.is_exported}
        assert {name for row in tables[table] for name in row} == expected, table
        personal = {name for name in expected if declared.columns[name].erased is not Erased.STAYS}
        empty = {name for name in personal if all(row[name] in (None, "", [], {}) for row in tables[table])}
        assert empty == set(), f"{table} has a planted value in each column"
