"""Migrations create exactly the tables of the models, and can be reverted."""

import ast
import json
import re
from collections.abc import Callable
from typing import Any

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app.leads.models import Lead
from app.models import Base
from app.security.encrypted_fields import decrypt_fields
from tests.support.environment import ROOT
from tests.support.servers import migrate


def test_migrations_match_the_models(new_database: Callable[[], str]) -> None:
    engine = sqlalchemy.create_engine(new_database(), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_check_constraints_have_the_names_of_the_models(new_database: Callable[[], str]) -> None:
    found = {row.conname for row in _run(new_database(), "SELECT conname FROM pg_constraint WHERE contype = 'c'")}
    named = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sqlalchemy.CheckConstraint)
    }
    assert {name for name in found if name.startswith("ck_")} == {str(name) for name in named}


def test_downgrade_to_base_and_upgrade_restores_all_tables(new_database: Callable[[], str]) -> None:
    url = new_database()
    before = _tables(url)
    migrate(url, way="downgrade", to="base")
    assert _tables(url) <= {"alembic_version"}
    migrate(url)
    assert _tables(url) == before


def test_existing_leads_are_encrypted_by_upgrade_and_decrypted_by_downgrade(new_database: Callable[[], str]) -> None:
    url = new_database()
    migrate(url, way="downgrade", to="0011")
    _run(url, *_ROWS)
    migrate(url)
    [row] = _run(url, "SELECT id, sealed, phone_blind FROM leads")
    kept = decrypt_fields(Lead, row.id, row.sealed)
    assert (kept["email"], str(kept["patient_dob"]), kept["notes"]) == ("Ana@lead.example", "2011-02-03", None)
    assert len(row.phone_blind) == 16
    migrate(url, way="downgrade", to="0011")
    [row] = _run(url, "SELECT email, phone, phone_alt, patient_dob FROM leads")
    assert (row.email, row.phone, row.phone_alt, str(row.patient_dob)) == (
        *("Ana@lead.example", "+12125550143", None, "2011-02-03"),
    )
    [row] = _run(url, "SELECT cells FROM import_rows")
    assert row.cells == ["Ana", "Ruiz"]


def test_existing_templates_get_a_first_version_and_keep_their_text_on_downgrade(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    migrate(url, way="downgrade", to="0019")
    _run(url, _CLINIC, _TEMPLATE.format(slug="break-up-email", body="Hello"))
    migrate(url, to="0020")
    # Processes of the previous release still work: rows that they add get a version, too.
    _run(url, _TEMPLATE.format(slug="late", body="Later"))
    migrate(url)
    kept = _run(url, "SELECT t.slug, t.name, t.number, v.number, v.variants FROM message_templates t"
        " JOIN message_template_versions v ON v.template_id = t.id ORDER BY slug")  # fmt: skip
    text = {"channel": None, "language": None, "subject": "Dear"}
    assert [tuple(row) for row in kept] == [
        ("break-up-email", "Break up email", 1, 1, [{**text, "body": "Hello"}]),
        ("late", "Late", 1, 1, [{**text, "body": "Later"}]),
    ]
    migrate(url, way="downgrade", to="0019")
    back = _run(url, "SELECT slug, subject, body FROM message_templates ORDER BY slug")
    assert [tuple(row) for row in back] == [("break-up-email", "Dear", "Hello"), ("late", "Dear", "Later")]


def test_days_of_opening_hours_keep_their_meaning(new_database: Callable[[], str]) -> None:
    url = new_database()
    migrate(url, way="downgrade", to="0090")
    tasks = [{"create_task": {"due": {"after": after, "clock": "business"}}} for after in ("1 day", "4 hours")]
    old = {"after": {"time": "2d 1h", "clock": "business"}, "do": [{"branch": {"then": tasks, "else": []}}]}
    _run(url, _CLINIC, "INSERT INTO rules (id, clinic_id, playbook, slug, definition, active, created_at, version)"
        f" SELECT gen_random_uuid(), id, '', 'r', '{json.dumps(old)}', true, now(), 1 FROM clinics")  # fmt: skip
    migrate(url)
    [row] = _run(url, "SELECT definition FROM rules")
    clocks = [task["create_task"]["due"]["clock"] for task in row.definition["do"][0]["branch"]["then"]]
    assert (row.definition["after"]["clock"], clocks) == ("opening_hours", ["opening_hours", "business"])
    migrate(url, way="downgrade", to="0090")
    [row] = _run(url, "SELECT definition FROM rules")
    assert row.definition == old


def test_order_by_priority_rewrites_no_tasks(new_database: Callable[[], str]) -> None:
    url = new_database()
    migrate(url, way="downgrade", to="0033")
    [before] = _run(url, _FILE_OF_TASKS)
    migrate(url)
    assert _run(url, _FILE_OF_TASKS) == [before]


def test_upgrade_drops_the_column_of_an_earlier_release(new_database: Callable[[], str]) -> None:
    url = new_database()
    index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_lead_tasks_urgent'"
    [wanted] = _run(url, index)
    migrate(url, way="downgrade", to="0037")
    _run(
        url,
        "ALTER TABLE lead_tasks ADD COLUMN priority_rank smallint"
        " GENERATED ALWAYS AS (CASE priority WHEN 'URGENT' THEN 0 ELSE 3 END::smallint) STORED NOT NULL",
        "DROP INDEX ix_lead_tasks_urgent",
        "CREATE INDEX ix_lead_tasks_urgent ON lead_tasks (clinic_id, priority_rank, due_at, id)",
    )
    migrate(url)
    assert _run(url, index) == [wanted]
    assert _run(url, "SELECT FROM information_schema.columns WHERE column_name = 'priority_rank'") == []


_FILE_OF_TASKS = "SELECT pg_relation_filenode('lead_tasks')"
_TEMPLATE = (
    "INSERT INTO message_templates (id, clinic_id, slug, subject, body, created_at)"
    " SELECT gen_random_uuid(), id, '{slug}', 'Dear', '{body}', now() FROM clinics"
)
_CLINIC = (
    "INSERT INTO clinics (id, name, slug, timezone, region, business_hours, closed_dates, stale_after_days,"
    " rules_version, created_at) VALUES (gen_random_uuid(), 'North', 'north', 'UTC', 'US', '{}', '{}', 14, 1, now())"
)
_ID = "00000000-0000-7000-8000-000000000001"
_ROWS = (
    "SET session_replication_role = replica",  # no key is looked up: there is no clinic
    f"""
    INSERT INTO leads (
        id, clinic_id, status, pipeline_stage, stage_entered_at, patient_first_name, patient_last_name,
        patient_relationship, first_name, last_name, email, phone, patient_dob, preferred_contact, source_id,
        treatment_interest, failed_attempts, last_activity_at, created_at, updated_at, version
    ) VALUES (
        '{_ID}', '{_ID}', 'NEW', 'new_lead', now(), 'Ana', 'Ruiz', 'SELF', 'Ana', 'Ruiz', 'Ana@lead.example',
        '+12125550143', '2011-02-03', 'PHONE', '{_ID}', '{{}}', 0, now(), now(), now(), 1
    )""",
    f"""INSERT INTO import_rows (import_id, position, number, cells) VALUES ('{_ID}', 0, 2, '["Ana", "Ruiz"]')""",
)


def _tables(url: str) -> set[str]:
    return {row.tablename for row in _run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def _run(url: str, *statements: str) -> list[Any]:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return list(results[-1]) if results[-1].returns_rows else []


def test_new_migrations_build_indexes_of_existing_tables_concurrently() -> None:
    """A normal build keeps all writes to the table waiting. Migrations up to 0070 are older than this rule."""
    files = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    blocking = {file.name: blocking_indexes(file.read_text()) for file in files if file.name[:4] > "0070"}
    assert not any(blocking.values()), blocking


def test_rule_for_indexes_finds_a_normal_build_of_an_existing_table() -> None:
    assert blocking_indexes('op.create_table("new")\nop.create_index("ix", "new", ["a"])') == []
    assert blocking_indexes('op.create_index("ix", "leads", ["a"], postgresql_concurrently=True)') == []
    assert blocking_indexes('op.create_index("ix", "leads", ["a"])') == ["ix"]
    assert blocking_indexes('op.execute("CREATE INDEX ix ON leads (a)")') == ["CREATE INDEX ix ON leads (a)"]


def blocking_indexes(source: str) -> list[str]:
    """Return the indexes that a migration builds on tables that it did not create, and not concurrently."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [(_name_of(call), [ast.unparse(one).strip("'") for one in call.args], call.keywords) for call in calls]
    created = {arguments[0] for name, arguments, _ in named if name == "create_table"}
    normal = [
        arguments[0]
        for name, arguments, options in named
        if name == "create_index"
        and arguments[1] not in created
        and not any(one.arg == "postgresql_concurrently" for one in options)
    ]
    return normal + [
        arguments[0]
        for name, arguments, _ in named
        if name == "execute" and re.search(r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)", arguments[0])
    ]


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
