"""Encrypted fields in the database: bound to their row, searchable by blind index, re-encrypted on rotation."""

import json
import subprocess
from typing import Any

import pytest
from click.testing import CliRunner

from app.core.db import transaction
from app.leads.models import Lead
from app.messaging.contact_policy.suppression_list import find_suppressed
from app.messaging.models import AddressKind
from app.ops import cli
from app.ops.embedded.postgres_install import programs
from app.security import encryption
from app.security.encrypted_fields import blind_index
from app.security.key_verification import require_valid_keys
from tests.support.bulk import ask
from tests.support.desk import Desk
from tests.support.environment import database_url
from tests.support.importing import send, work_off
from tests.support.keys import ANOTHER, FIRST, key
from workers.sweeps.tasks import mark_overdue

pytest_plugins = ["tests.support.desk"]

CANARY = "Kanarienvogel"
PRIVATE: dict[str, Any] = {
    "email": f"{CANARY}@lead.example",
    "phone": "+12125550187",
    "phone_alt": "+12125550188",
    "patient_dob": "2011-02-03",
    "insurance_carrier": CANARY,
    "insurance_member_id": CANARY,
    "notes": f"{CANARY} is afraid of needles.",
}


def relance(*arguments: str) -> Any:
    done = CliRunner().invoke(cli.relance, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def dump() -> str:
    """Return a dump of the database in lower case."""
    url = database_url("postgres", "relance").replace("+psycopg", "")
    return subprocess.run([programs() / "pg_dump", url], capture_output=True, text=True, check=True).stdout.lower()


def test_dump_contains_no_personal_data(desk: Desk):
    lead = desk.capture(**PRIVATE)
    desk.admin.put(f"/api/leads/{lead['id']}", {"notes": f"{CANARY} called again."})
    call = {"type": "PHONE_CALL", "outcome": "no_answer", "notes": CANARY}
    for _ in range(3):  # after which a break-up e-mail is written
        desk.admin.post(f"/api/leads/{lead['id']}/activities", call)
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER", "notes": CANARY})
    file = send(desk.admin, f"Name,Phone,Notes\nAna Ruiz,nonsense,{CANARY}\n".encode()).body
    work_off(desk.admin, file, source_id=desk.source_id)
    ask(desk.admin, leads=[desk.lead_data(**PRIVATE)])
    everything = dump()
    assert "create table" in everything
    found = {value for value in (CANARY, "2125550187", "2125550188", "2011-02-03") if value.lower() in everything}
    assert found == set()
    assert CANARY.lower().encode().hex() not in everything
    assert CANARY.encode().hex() not in everything


def test_permitted_user_reads_decrypted_fields(desk: Desk):
    lead = desk.capture(**PRIVATE)
    assert {name: desk.lead(lead)[name] for name in PRIVATE} == PRIVATE
    [listed] = desk.admin.every("/api/leads")
    assert {name: listed[name] for name in PRIVATE} == PRIVATE


@pytest.mark.parametrize("said", ["(212) 555-0187", PRIVATE["phone_alt"], PRIVATE["email"].upper()])
def test_lead_is_found_by_the_exact_value(desk: Desk, said: str):
    lead = desk.capture(**PRIVATE)
    desk.capture(phone="+12125550100", email="another@lead.example")
    assert found(desk, said) == [lead["id"]]


def found(desk: Desk, said: str) -> list[str]:
    hits = desk.admin.post("/api/search", {"q": said, "kinds": ["lead"]}).body["hits"]
    return [hit["id"] for hit in hits if hit["is_exact"]]


def test_blind_index_differs_between_clinics(desk: Desk, other_desk: Desk):
    """Rows of two clinics cannot be matched by their blind indexes."""
    for one in (desk, desk, other_desk):
        one.capture(phone=PRIVATE["phone"])
    marks = [bytes(row.phone_blind) for row in desk.sql("SELECT phone_blind FROM leads ORDER BY id")]
    assert marks[0] == marks[1] != marks[2]


def test_ciphertext_copied_to_another_row_cannot_be_decrypted(desk: Desk):
    lead, other = desk.capture(**PRIVATE), desk.capture(first_name="Ben", phone="+12125550100")
    desk.sql(
        "UPDATE leads SET sealed = (SELECT sealed FROM leads WHERE id = :from) WHERE id = :into",
        **{"from": lead["id"], "into": other["id"]},
    )
    assert desk.admin.get(f"/api/leads/{other['id']}").status == 500
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 200


def test_wrong_key_decrypts_nothing(desk: Desk, secrets: Any):
    secrets(ENCRYPTION_KEYS=key("a"))
    lead = desk.capture(**PRIVATE)
    secrets(ENCRYPTION_KEYS=key("a"))
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 500


def test_start_is_refused_with_another_key_of_the_same_name(desk: Desk, secrets: Any):
    secrets(ENCRYPTION_KEYS=key("a"))
    require_valid_keys()
    assert desk.client().get("/readyz").status_code == 200
    secrets(ENCRYPTION_KEYS=key("a"))
    with pytest.raises(SystemExit, match="encrypted with another key"):
        require_valid_keys()
    assert desk.client().get("/readyz").status_code == 503
    done = CliRunner().invoke(cli.relance, ["keys", "rotate"])
    assert (done.exit_code, "encrypted with another key" in done.output) == (1, True)


def test_unreadable_row_does_not_affect_other_rows(desk: Desk):
    lead, other = desk.capture(**PRIVATE), desk.capture(first_name="Ben", phone="+12125550100")
    task = desk.plan(lead)
    desk.sql("UPDATE leads SET sealed = 'gone:x'::bytea WHERE id = :id", id=lead["id"])
    desk.sql("UPDATE lead_tasks SET due_at = now() - interval '1 hour' WHERE id = :id", id=task["id"])
    assert {one["id"]: one["phone"] for one in desk.admin.every("/api/leads")} == {
        lead["id"]: None,
        other["id"]: "+12125550100",
    }
    with transaction() as session:
        assert mark_overdue(session) == 1
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 503
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"notes": "x"}).status == 503  # nothing is written over it
    done = CliRunner().invoke(cli.relance, ["keys", "rotate", "--every", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["leads"], json.loads(done.stdout)["unreadable leads"]) == (1, 1, 1)


def test_opt_outs_and_blind_indexes_survive_a_new_secret_key(desk: Desk, secrets: Any):
    lead, address = desk.capture(**PRIVATE), {"email": PRIVATE["email"]}
    desk.admin.post("/api/suppressions", {**address, "reason": "They asked."})
    derived = CliRunner().invoke(cli.relance, ["keys", "derived"]).output.strip()
    secrets(ENCRYPTION_KEYS=f"{key('new')},{derived}", BLIND_INDEX_KEY=FIRST, SECRET_KEY=ANOTHER)
    with transaction() as session:
        assert find_suppressed(session, [(desk.clinic_id, (AddressKind.EMAIL, address["email"]))])
        row = session.get_one(Lead, lead["id"])
        assert row.notes == PRIVATE["notes"]
        assert row.email_blind == blind_index(desk.clinic_id, "email", address["email"])


def test_rotation_encrypts_all_rows_again_without_downtime(desk: Desk, secrets: Any):
    lead = desk.capture(**PRIVATE)
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": CANARY})
    send(desk.admin, b"Name,Phone\nAna Ruiz,2125550143\n")
    tag = desk.admin.get(f"/api/leads/{lead['id']}").headers["ETag"]
    secrets(ENCRYPTION_KEYS=key("new"))
    assert desk.lead(lead)["notes"] == PRIVATE["notes"]  # the older key still opens
    done = relance("keys", "rotate")
    assert {table for table, number in done.items() if number} == {"leads", "lead_activities", "import_rows"}
    assert relance("keys", "rotate") == dict.fromkeys(done, 0)
    left = {row["table"] for row in relance("keys", "status") if not row["is_current"]}
    assert left == {"audit_changes"}  # the record is never changed
    assert {name: desk.lead(lead)[name] for name in PRIVATE} == PRIVATE
    assert desk.timeline(lead)[-1]["notes"] == CANARY
    assert desk.admin.get(f"/api/leads/{lead['id']}").headers["ETag"] == tag


def test_blind_indexes_are_rebuilt_after_the_secret_changed(desk: Desk):
    lead = desk.capture(**PRIVATE)
    message = {"channel": "email", "subject": "Your appointment", "body": "Hello"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/messages", message).status == 201
    desk.sql("UPDATE leads SET phone_blind = 'of another secret'::bytea")
    desk.sql("UPDATE lead_search SET keys = '{}'")
    subjects = desk.sql("SELECT id, subject_blind FROM notifications WHERE subject_blind IS NOT NULL")
    desk.sql("UPDATE notifications SET subject_blind = '{7}' WHERE subject_blind IS NOT NULL")
    assert found(desk, PRIVATE["phone"]) == []
    assert relance("keys", "rotate", "--every")["leads"] == 1
    assert found(desk, PRIVATE["phone"]) == [lead["id"]]
    assert subjects
    assert desk.sql("SELECT id, subject_blind FROM notifications WHERE subject_blind IS NOT NULL") == subjects


def test_key_commands_give_the_whole_value_to_set(secrets: Any):
    def value(*words: str) -> str:
        done = CliRunner().invoke(cli.relance, ["keys", *words])
        assert done.exit_code == 0, done.output
        return done.output.strip()

    secrets()
    derived = value("derived")
    second = value("new", "b")
    assert second.startswith(f"{derived},b:")
    secrets(ENCRYPTION_KEYS=second)
    assert encryption.current_key_name() == encryption.DERIVED
    b = second.removeprefix(f"{derived},")
    assert value("new", "c").startswith(f"{second},c:")
    secrets(ENCRYPTION_KEYS=value("first", "b"))
    assert encryption.current_key_name() == "b"
    assert value("first", "b") == f"{b},{derived}"
    assert value("new", "c", "--alone").startswith("c:")
    for name in ("a:b", encryption.DERIVED, "b"):
        assert CliRunner().invoke(cli.relance, ["keys", "new", name]).exit_code == 2
