"""Row-level security: PostgreSQL separates clinics even when a query has no condition."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import ProgrammingError

from app import create_app
from app.analytics.training.train import train
from app.audit.hash_chain import extend_chain
from app.clock import now
from app.core.database.row_security import ROLE, restrict_to_clinic
from app.core.database_roles import READABLE
from app.core.db import engine, to_json, transaction
from app.engine.models import Kind
from app.http.access import allow, reading, unit_of_work
from app.identity.clinics import load_contexts
from app.identity.models import Role
from app.identity.permissions import Permission
from app.leads.facts.best_time.load import learn_contact_hours
from app.leads.models import Lead
from app.leads.scoring.basis import load_basis
from app.leads.scoring.keep import update_scores
from app.leads.search.by_text.keys import keys_of_word
from app.messaging.inbound.receive import receive_email
from app.models import Base
from app.ops.embedded import Postgres
from app.security.search_keys import TextKind, keys_of_beginnings
from tests.support.assigning import add_rule
from tests.support.desk import Caller, Desk
from tests.support.each_kind import unmatched_text
from tests.support.enrolling import WAITING
from tests.support.importing import send, work_off
from tests.support.inbound import mail, receive
from tests.support.notices import Browser
from workers import runner

PHONE = "+12125550143"  # of a country of its own: understood in any clinic

# Whoever leaves a table out says why here; every other has its policies, and a row of the desk's in `fill`.
LEFT_OUT = {
    "channel_outages": "mail server and gateways that do not answer; only workers and probes look at them",
    "key_checks": "nobody's; only who starts, and the probes, look at them",
    "counters": "figures of processes, over all clinics; no call writes or reads them as a clinic",
    "holds": "whether steps run, for all clinics",
    "rate_counters": "hashed names with a count, for all clinics; sign-ins count before a clinic is known",
    "sweep_runs": "when each sweep last ran, for all clinics",
}
TABLES = sorted(Base.metadata.tables.keys() - LEFT_OUT)
NEVER_CHANGED = {"audit_entries", "audit_seals", "audit_changes", "message_template_versions"}
MAY_BE_FORGOTTEN = {"audit_changes", "message_template_versions"}  # with the person, with the template

# Rows of tracked e-mails, for every message of a clinic: columns and values.
TRACKED = (
    ("tracked_messages (id, clinic_id, opens, clicks)", "id, clinic_id, true, true"),
    ("tracked_links (id, clinic_id, notification_id, position)", "gen_random_uuid(), clinic_id, id, 0"),
    (
        "tracking_hits (id, clinic_id, notification_id, kind, verdict, reason, signals, occurred_at)",
        "gen_random_uuid(), clinic_id, id, 'open', 'person', 'browser', '{}', now()",
    ),
)


def fill(desk: Desk) -> None:
    """Insert a row into every table."""
    admin = desk.admin
    add_rule(desk, desk.coordinator)
    lead = desk.capture(phone=PHONE, email="ana@lead.example")
    desk.plan(lead)
    path = f"/api/leads/{lead['id']}"
    for _ in range(3):
        admin.post(f"{path}/activities", {"type": "PHONE_CALL", "outcome": "no_answer"})
    while runner.run(Kind.SEND_MESSAGE, []):
        pass
    admin.post(f"{path}/activities", {"type": "NOTE", "notes": "x"}, key="kept")
    admin.post(f"{path}/consents", {"way": "email", "is_given": False, "wording": "x", "source": "x"})
    followup = {"type": "CALL", "title": "x", "due_in_minutes": 60}
    admin.post("/api/followups/bulk", {"lead_ids": [lead["id"]], "followup": followup})
    work_off(admin, send(admin, b"Name,Phone,Source\nAna Ruiz,+12125550143,Other\n").body, "preview")
    admin.patch(f"/api/lead-sources/{desk.source_id}", {"monthly_cost": "900.00"})
    admin.post("/api/teams", {"name": "x"})
    admin.post("/api/roles", {"slug": "x", "name": "x", "grants": {}})
    admin.post("/api/users", {"email": "nina@clinic.example", "name": "Nina", "role": "front_desk"})
    desk.program("lead:read")
    away = {"starts_at": now().isoformat(), "ends_at": (now() + timedelta(days=1)).isoformat()}
    admin.post(f"/api/users/{admin.id}/out-of-office", away)
    admin.put(f"/api/users/{admin.id}/working-hours", {"hours": {"mon": [["09:00", "12:00"]]}})
    for views in ("/api/followups/views", "/api/leads/views"):
        admin.post(views, {"name": "x", "filters": {}})
    admin.post("/api/leads/analytics/saved-reports", {"name": "x", "report": "total-leads"})
    admin.post("/api/task-templates", {"name": "x", "title": "x", "type": "CALL", "due_in": "1 day"})
    admin.post("/api/custom-fields", {"key": "x", "label": "x", "type": "text"})
    form = {"name": "x", "allowed_origins": [], "source_id": desk.source_id, "fields": [{"name": "phone"}]}
    admin.post("/api/web-forms", form)
    sequence = admin.post("/api/sequences", WAITING).body
    nurture = {"name": "x", "sequence": sequence["name"], "score_from": 2, "score_to": 6}
    made = admin.post("/api/nurtures", nurture).body
    admin.post(f"/api/nurtures/{made['id']}/run")
    newcomer = desk.capture(phone="+12125550199")
    [entry] = admin.post(f"/api/sequences/{sequence['id']}/enrollments", {"lead_ids": [newcomer["id"]]}).body["results"]
    enrolled = admin.every(f"/api/leads/{entry['lead_id']}/enrollments")[0]["id"]
    admin.post(f"/api/enrollments/{enrolled}/skip")
    admin.post("/api/me/destinations", Browser().subscription("https://8.8.8.8/x"))
    admin.patch("/api/me/notice-preferences", {"digest_at": "08:00"})
    _fill_mail(desk)
    for part in (_fill_accounts, _fill_holds, _fill_scores, _fill_rollups):
        part(desk)
    gateway = admin.post("/api/gateways", {"name": "x", "purpose": "webhook", "url": "https://8.8.8.8/"}).body
    for table, column in (("gateway_minutes", "now(), 1, 0"), ("gateway_receipts", "'x', now()")):
        desk.sql(f"INSERT INTO {table} VALUES (:gateway, {column})", gateway=gateway["id"])
    hook = admin.post("/api/webhooks", {"url": "https://8.8.8.8/"}).body
    admin.post(f"/api/webhooks/{hook['id']}/test")
    desk.sql("INSERT INTO series_hours VALUES (:c, 'x', now(), 0, 1, 0, 0, 0, 0)", c=desk.clinic_id)
    desk.sql(
        "INSERT INTO deliveries (id, clinic_id, notification_id, attempt, started_at)"
        " SELECT gen_random_uuid(), clinic_id, id, 1, now() FROM notifications WHERE clinic_id = :c",
        c=desk.clinic_id,
    )
    for columns, values in TRACKED:
        desk.sql(f"INSERT INTO {columns} SELECT {values} FROM notifications WHERE clinic_id = :c", c=desk.clinic_id)
    with transaction() as session:
        while extend_chain(session, settled=timedelta()):
            pass


def _fill_holds(desk: Desk) -> None:
    [lead] = desk.sql("SELECT id FROM leads WHERE clinic_id = :c LIMIT 1", c=desk.clinic_id)
    assert desk.admin.put(f"/api/leads/{lead.id}/legal-hold", {"reason": "x"}).status == 200


def _fill_scores(desk: Desk) -> None:
    assert desk.admin.patch("/api/settings/lead-scores", {"base": 10}).status == 200
    [lead] = desk.sql("SELECT id FROM leads WHERE clinic_id = :c LIMIT 1", c=desk.clinic_id)
    with transaction() as session:
        train(session, desk.clinic_id)
        clinic = load_contexts(session, {desk.clinic_id})[desk.clinic_id]
        update_scores(session, clinic, load_basis(session, desk.clinic_id), [lead.id], after_event=False)
    desk.sql(
        "INSERT INTO next_action_answers (id, clinic_id, lead_id, act, facts_key, is_accepted, answered_at)"
        " VALUES (gen_random_uuid(), :c, :lead, 'reply', 'x', true, now())",
        c=desk.clinic_id,
        lead=lead.id,
    )


def _fill_rollups(desk: Desk) -> None:
    desk.sql("INSERT INTO series_totals VALUES (:c, 'x', 1, 0, 0)", c=desk.clinic_id)
    group = "source_id, status, pipeline_stage, past_stages, capture_channel"
    for columns, values in (
        ("spans (clinic_id, starts_at, ends_at, is_month, timezone, rolled_up_at)", "now(), now(), true, 'x', now()"),
        (
            f"groups (clinic_id, fingerprint, has_contact, has_answered, has_replied, {group})",
            f"gen_random_uuid(), true, true, true, {group} FROM leads WHERE clinic_id = :c LIMIT 1",
        ),
        (
            "counts (clinic_id, span_id, group_id, leads, days_to_convert_of, days_to_loss_of, minutes_mean_of)",
            "s.id, g.id, 1, 0, 0, 0 FROM lead_rollup_spans s, lead_rollup_groups g WHERE s.clinic_id = :c",
        ),
        ("stays (clinic_id, span_id, stage, hours, ended, starts)", "1, 'x', '{}', '{}', ''"),
        ("entries (clinic_id, span_id, stage, firsts, previous)", "1, 'x', 1, '{}'"),
        ("changes (clinic_id, created_at)", "now()"),
    ):
        desk.sql(f"INSERT INTO lead_rollup_{columns} SELECT CAST(:c AS uuid), {values}", c=desk.clinic_id)
    desk.sql("INSERT INTO task_turns VALUES (:c, NULL)", c=desk.clinic_id)
    desk.sql("INSERT INTO task_rollup_changes (clinic_id, due_at) VALUES (:c, now())", c=desk.clinic_id)
    desk.sql(
        "INSERT INTO task_rollup_days SELECT CAST(:c AS uuid), now(), now(), 'x', now(), '{}', '{}', '{}', '{}'",
        c=desk.clinic_id,
    )


def _fill_mail(desk: Desk) -> None:
    login = {"host": "8.8.8.8", "username": "x", "password": "x"}
    desk.admin.post("/api/mailboxes", {"name": "x", **login})
    desk.admin.post("/api/inbound-hooks", {"name": "x", "provider": "postmark", "secret": "x"})
    with transaction() as session:
        learn_contact_hours(session, desk.clinic_id, at=now())
        receive_email(session, desk.clinic_id, b"From: ana@lead.example\r\n\r\nHello", received_at=now(), via="imap")


def _fill_accounts(desk: Desk) -> None:
    server = {"host": "8.8.8.8", "sender_address": "a@clinic.example"}
    account = desk.admin.post("/api/sending-accounts", {"name": "x", "kind": "smtp", "settings": server}).body
    desk.sql("INSERT INTO sending_account_counts VALUES (:account, 'day', now(), 1, 0)", account=account["id"])
    unmatched_text(desk.clinic_id)
    desk.sql("INSERT INTO text_receipts VALUES (gen_random_uuid(), 'x', :c, now())", c=desk.clinic_id)


@contextmanager
def as_clinic(clinic_id: UUID | str) -> Iterator[Connection]:
    """Open a transaction as a call of that clinic has it, without further conditions; it is rolled back."""
    with engine().connect() as connection:
        given = {"role": ROLE, "clinic": str(clinic_id)}
        connection.execute(
            text("SELECT set_config('role', :role, true), set_config('relance.clinic', :clinic, true)"), given
        )
        yield connection
        connection.rollback()


def row_ids(connection: Connection, table: str) -> list[str]:
    """Return the `ctid` of each visible row."""
    return list(connection.scalars(text(f"SELECT ctid::text FROM {table}")))


def attempt(connection: Connection, statement: str, **values: Any) -> int | str:
    """Return the number of affected rows, or the error text."""
    try:
        with connection.begin_nested():
            return connection.execute(text(statement), values).rowcount
    except ProgrammingError as refusal:
        if not isinstance(refusal.orig, InsufficientPrivilege):
            raise
        return str(refusal.orig)


def change(connection: Connection, table: str, where: list[str]) -> int | str:
    column = next(c.name for c in Base.metadata.tables[table].columns if c.identity is None)
    statement = f"UPDATE {table} SET {column} = {column} WHERE ctid = ANY(CAST(:where AS tid[]))"
    return attempt(connection, statement, where=where)


def remove(connection: Connection, table: str, where: list[str]) -> int | str:
    return attempt(connection, f"DELETE FROM {table} WHERE ctid = ANY(CAST(:where AS tid[]))", where=where)


def add(connection: Connection, table: str, row: str) -> int | str:
    """Insert a copy of the row: the policy is checked before the unique key."""
    names = ", ".join(c.name for c in Base.metadata.tables[table].columns if c.computed is None)
    return attempt(
        connection,
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {names} FROM jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))",
        row=row,
    )


@pytest.fixture
def foreign_clinic(desk: Desk, other_desk: Desk) -> Desk:
    """Another clinic, with a row in every table."""
    desk.capture()
    fill(other_desk)
    return other_desk


def test_clinic_sees_no_row_of_another_clinic(desk: Desk, foreign_clinic: Desk, postgres: Postgres):
    with postgres.connect("relance") as owner:
        whole = {name: owner.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
    with as_clinic(foreign_clinic.clinic_id) as connection:
        seen_there = {name: len(row_ids(connection, name)) for name in TABLES}
    with as_clinic(desk.clinic_id) as connection:
        seen_here = {name: len(row_ids(connection, name)) for name in TABLES}

    assert [name for name, rows in seen_there.items() if not rows] == []
    assert {name: seen_here[name] + seen_there[name] for name in TABLES} == whole


def test_clinic_cannot_write_rows_of_another_clinic(desk: Desk, foreign_clinic: Desk):
    with as_clinic(foreign_clinic.clinic_id) as connection:
        rows = {name: row_ids(connection, name) for name in TABLES}
        one = {name: connection.scalar(text(f"SELECT to_jsonb(t)::text FROM {name} t LIMIT 1")) for name in TABLES}
        for name in set(TABLES) - NEVER_CHANGED:  # control: without rows the test proves nothing
            assert change(connection, name, rows[name]) == len(rows[name]), name
    with as_clinic(desk.clinic_id) as connection:
        for name in TABLES:
            refused = f"permission denied for table {name}"
            assert change(connection, name, rows[name]) in ({refused} if name in NEVER_CHANGED else {0}), name
            may_remove = name not in NEVER_CHANGED - MAY_BE_FORGOTTEN
            assert remove(connection, name, rows[name]) in ({0} if may_remove else {refused}), name
            assert "violates row-level security policy" in str(add(connection, name, one[name])), name


def test_no_row_is_visible_or_writable_without_a_clinic(foreign_clinic: Desk):
    with as_clinic(foreign_clinic.clinic_id) as connection:
        one = {name: connection.scalar(text(f"SELECT to_jsonb(t)::text FROM {name} t LIMIT 1")) for name in TABLES}
    with as_clinic("") as connection:
        assert {name: row_ids(connection, name) for name in TABLES} == {name: [] for name in TABLES}
        for name in TABLES:
            assert "violates row-level security policy" in str(add(connection, name, one[name])), name


def test_every_table_is_protected_or_listed_as_exempt(postgres: Postgres):
    with postgres.connect("relance") as owner:
        policies = owner.execute("SELECT tablename, policyname, roles[1], qual FROM pg_policies").fetchall()
        enabled = {row[0] for row in owner.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()}
        may = "SELECT has_table_privilege(%s, %s, %s)"
        reached, changed = (
            {name for name in LEFT_OUT if owner.execute(may, [ROLE, name, privilege]).fetchone()[0]}
            for privilege in ("SELECT", "INSERT, UPDATE, DELETE")
        )
    assert enabled == set(TABLES)
    assert {(table, role) for table, _, role, _ in policies} == {
        (name, role) for name in TABLES for role in ("relance_app", ROLE)
    }
    assert {qual for _, _, role, qual in policies if role == "relance_app"} == {"true"}
    assert (reached, changed) == (READABLE, set())


def test_functions_of_the_owner_answer_for_the_calling_clinic(desk: Desk, foreign_clinic: Desk):
    for clinic in (desk, foreign_clinic):
        lead = clinic.capture(phone=PHONE, email="mia@people.org", tags=["vip"])
        clinic.plan(lead, tags=["vip"], title="Send the invoice")
        clinic.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "Needle"})
        message = {"channel": "email", "subject": "Needle", "body": "Hello"}
        assert clinic.admin.post(f"/api/leads/{lead['id']}/messages", message).status == 201
        clinic.sql("UPDATE notifications SET state = 'sent'")
        assert receive(clinic.clinic_id, mail(sender=lead["email"], subject="Needle")).lead_id
    found = "SELECT count(*) FROM (SELECT leads_tagged('vip', 9) UNION ALL SELECT tasks_tagged('vip', 9)"
    found += " UNION ALL SELECT tasks_with_words('invoice', 9)"
    found += " UNION ALL SELECT leads_with_keys(:wanted, NULL, 9)"
    found += " UNION ALL SELECT messages_with_keys(:subject, NULL, 9)"
    found += " UNION ALL SELECT notes_with_keys(:words, NULL, 9)) AS found"
    given = {
        "wanted": to_json([keys_of_word(desk.clinic_id, "ruiz"), keys_of_word(desk.clinic_id, "0143")]),
        "words": keys_of_beginnings(desk.clinic_id, TextKind.NOTES, ["need"]),
        "subject": keys_of_beginnings(desk.clinic_id, TextKind.SUBJECTS, ["need"]),
    }
    with as_clinic(desk.clinic_id) as connection:
        assert connection.scalar(text(found), given) == 8
    for another in ("", foreign_clinic.clinic_id):
        with as_clinic(another) as connection:
            assert connection.scalar(text(found), given) == (3 if another else 0)


@pytest.fixture
def broken() -> Flask:
    """The application with a route that forgets the condition on the clinic."""
    app = create_app()

    @app.get("/api/broken")
    @allow(Permission.LEAD_READ)
    def read() -> list[str]:
        with reading() as session:
            return [str(id_) for id_ in session.scalars(select(Lead.id))]

    @app.post("/api/broken")
    @allow(Permission.LEAD_UPDATE)
    def write() -> dict[str, int]:
        with reading() as session:
            session.execute(select(Lead.id))
        with unit_of_work() as session:  # the second transaction of the call
            return {"changed": session.execute(text("UPDATE leads SET city = 'x'")).rowcount}

    return app


def test_route_without_a_clinic_condition_leaks_nothing(desk: Desk, other_desk: Desk, broken: Flask):
    mine, foreign_clinic = desk.capture(), other_desk.capture(phone=PHONE)
    for desk_, lead in ((desk, mine), (other_desk, foreign_clinic)):
        caller = Caller(broken.test_client(), desk_.admin.token, desk_.admin.actor)
        assert caller.get("/api/broken").body == [lead["id"]]
        assert caller.post("/api/broken").body == {"changed": 1}


def test_connection_is_reset_after_a_call(desk: Desk):
    desk.capture()
    desk.admin.get("/api/leads")
    desk.admin.post("/api/leads", {"first_name": "x"})
    desk.admin.get("/api/leads/nowhere")
    checked_in = engine().pool.checkedin()  # type: ignore[attr-defined]
    assert checked_in > 0
    lines = [engine().connect() for _ in range(checked_in)]
    whose = set()
    for line in lines:  # one transaction at a time: a pooler may have fewer connections to the server
        whose.add(line.execute(text("SELECT current_user, current_setting('relance.clinic', true)")).one())
        line.rollback()
    for line in lines:
        line.close()
    assert {(user, clinic or "") for user, clinic in whose} == {("relance_web", "")}


def test_next_transaction_keeps_the_clinic(desk: Desk, other_desk: Desk):
    desk.capture()
    other_desk.capture(phone=PHONE)
    with transaction() as session:
        restrict_to_clinic(session, desk.clinic_id)
    ours = select(Lead.clinic_id)
    assert set(session.scalars(ours)) == {desk.clinic_id}
    session.rollback()
    with session.begin_nested():
        assert set(session.scalars(ours)) == {desk.clinic_id}
    assert set(session.scalars(ours)) == {desk.clinic_id}
    session.close()


def test_invitation_does_not_reveal_addresses_of_other_clinics(desk: Desk, other_desk: Desk):
    data = {"email": "Nina@clinic.example", "name": "Nina", "role": Role.FRONT_DESK.value}
    assert desk.admin.post("/api/users", data).status == 201
    known, unknown = (
        other_desk.admin.post("/api/users", {**data, "email": email})
        for email in (data["email"].lower(), "nobody@clinic.example")
    )
    assert known.status == unknown.status == 201
    assert {name for name in known.body if known.body[name] != unknown.body[name]} <= {
        "id",
        "email",
        "created_at",
        "updated_at",
    }
    again = desk.admin.post("/api/users", {**data, "email": data["email"].lower()})
    assert (again.status, again.body["code"]) == (409, "email-taken")
