"""With 30,000 leads and 300,000 steps, the statements of the engine, the services and the API use indexes.

The tests record the statements that public functions execute, with their values, and read PostgreSQL's plans.
"""

import re
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from app.core.database import row_security
from app.core.db import APP_ROLE, to_json
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.leads.duplicates.known_leads import BLIND_INDEXES, newest_leads
from app.leads.search.by_text.keys import keys_of_word
from app.security.search_keys import TextKind, keys_of_beginnings
from tests.support.desk import Caller
from tests.support.large_clinic import LargeClinic, executed_statements, now
from tests.support.plans import Statement, explain, explain_prepared, listening
from tests.support.queries.admin_pages import ADMIN_PAGES
from tests.support.queries.automation_work import AUTOMATION_WORK
from tests.support.queries.engine import ENGINE, sweep
from tests.support.queries.lead_pages import LEAD_PAGES
from tests.support.queries.lead_work import LEAD_WORK
from tests.support.queries.reports import REPORTS
from tests.support.queries.task_pages import TASK_PAGES
from tests.support.queries.task_work import TASK_WORK
from workers.pipeline.claim import AVOIDED_PLANS, claim_turn
from workers.pipeline.due_steps.turns import Turn

A_FEW_HUNDRED_ROWS = 800  # in the planner's units; reading all leads of a clinic costs thousands

WORK = {**LEAD_WORK, **AUTOMATION_WORK, **TASK_WORK, **REPORTS}
PAGES = {**LEAD_PAGES, **TASK_PAGES, **ADMIN_PAGES}


# Paths of lists and their queries; `{lead}` is a lead's id.
API_LISTS: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("", {"status": "NEW"}),
    ("", {"stage": "contacted"}),
    ("", {"source_id": "{source}"}),
    ("", {"assigned_to_id": "me"}),
    ("", {"created_to": "{now}"}),
    ("/{lead}/tasks", {}),
    ("/{lead}/activities", {}),
    ("/tasks/my-tasks", {}),
    ("/tasks/my-tasks", {"due_before": "{now}"}),
    ("/tasks/overdue", {}),
    ("/tasks/overdue", {"assigned_to_id": "me"}),
]


def role_of(name: str) -> str:
    return APP_ROLE if name in ENGINE else row_security.ROLE


@pytest.mark.parametrize("name", [*ENGINE, *WORK, *PAGES])
def test_statements_scan_no_large_table(large: LargeClinic, planner: psycopg.Connection[Any], name: str):
    act, expected = {**ENGINE, **WORK, **PAGES}[name]
    statements = executed_statements(large, planner, act, role=role_of(name))
    for setting in AVOIDED_PLANS if name.startswith("claim") else ():
        planner.execute(f"SET {setting} = off")  # type: ignore[arg-type]  # as `prefer_indexes` does
    plans = [explain(planner, statement) for statement in statements]

    assert [plan.read_whole for plan in plans if plan.read_whole] == []
    assert expected <= set().union(*(plan.indexes for plan in plans))
    # Also with a generic plan, as for a prepared statement.
    for statement in statements:
        assert not explain_prepared(planner, statement).read_whole, statement.sql


@pytest.mark.parametrize("name", PAGES)
def test_page_cost_is_bounded(large: LargeClinic, planner: psycopg.Connection[Any], name: str):
    for statement in executed_statements(large, planner, PAGES[name][0], role=role_of(name)):
        assert explain(planner, statement).cost < A_FEW_HUNDRED_ROWS, statement.sql


SEARCH_FUNCTIONS = {
    "leads_tagged": ("tag 7", "ix_leads_tags"),
    "tasks_tagged": ("vip", "ix_lead_tasks_tags"),
    "tasks_with_words": ("'invoice':*", "ix_lead_tasks_texts"),
}


@pytest.mark.parametrize("function", SEARCH_FUNCTIONS)
def test_search_functions_use_their_index(large: LargeClinic, planner: psycopg.Connection[Any], function: str):
    wanted, index = SEARCH_FUNCTIONS[function]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    [[body]] = planner.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function]).fetchall()
    asked_for = re.sub(r"\b(wanted|most)\b", r"%(\1)s", body)
    plan = explain(planner, Statement(asked_for, {"wanted": wanted, "most": row_security.FEW_IDS + 1}))

    assert index in plan.indexes
    assert not plan.read_whole


def test_search_by_keys_uses_the_indexes(large: LargeClinic, planner: psycopg.Connection[Any]):
    """PostgreSQL does not show the plans within a function, so their scans are counted."""
    scans = "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE indexrelname = ANY(%s)"
    whole = (
        "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname IN"
        " ('leads', 'lead_search', 'lead_activities', 'notifications')"
    )
    clinic_id = large.practice.clinic_id
    keys = to_json([keys_of_word(clinic_id, "eller"), keys_of_word(clinic_id, "mia77")])
    indexes = ["ix_lead_search_keys", "ix_lead_activities_words", "ix_notifications_subject_words"]

    def counts() -> tuple[dict[str, int], dict[str, int]]:
        planner.execute("SELECT pg_stat_force_next_flush()")
        return dict(planner.execute(scans, [indexes]).fetchall()), dict(planner.execute(whole).fetchall())

    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(clinic_id)])
    before = counts()
    planner.execute("SELECT leads_with_keys(%s::jsonb, NULL, 200)", [keys]).fetchall()
    for function, kind in (("notes_with_keys", TextKind.NOTES), ("messages_with_keys", TextKind.SUBJECTS)):
        rare = keys_of_beginnings(clinic_id, kind, ["rare"])
        planner.execute(f"SELECT {function}(%s, NULL, 200)", [rare]).fetchall()  # type: ignore[arg-type]
    after = counts()

    assert after[1] == before[1]
    assert all(after[0][name] > before[0][name] for name in indexes)


def test_leads_with_a_similar_name_are_found_by_index(large: LargeClinic, planner: psycopg.Connection[Any]):
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    [[body]] = planner.execute("SELECT prosrc FROM pg_proc WHERE proname = 'leads_alike'").fetchall()
    query = body.partition("RETURN QUERY ")[2].rpartition("; END")[0]
    asked_for = re.sub(r"(?<![.\w])(clinic|most)\b", r"%(\1)s", query)
    asked_for = re.sub(r"\b(firsts|lasts)\b", r"CAST(%(\1)s AS text[])", asked_for)
    given = {"clinic": large.practice.clinic_id, "firsts": ["Mia", "Keller"], "lasts": ["Keller", "Mia"], "most": 25}
    plan = explain(planner, Statement(asked_for, given))

    assert {"ix_leads_name_starts", "ix_leads_name_ends"} <= plan.indexes
    assert not plan.read_whole


def test_import_finds_leads_by_index_with_statistics_of_an_empty_table(
    large: LargeClinic, planner: psycopg.Connection[Any]
):
    def find(session: Session, large: LargeClinic) -> None:
        newest_leads(session, large.actor.clinic.id, [dict.fromkeys(BLIND_INDEXES, b"0123456789abcdef")])

    [statement] = executed_statements(large, planner, find, role=APP_ROLE)
    planner.execute("RESET ROLE")
    planner.execute("BEGIN")
    planner.execute("DELETE FROM pg_statistic WHERE starelid = 'leads'::regclass")
    planner.execute("UPDATE pg_class SET reltuples = 0 WHERE relname = 'leads'")
    planner.execute("SET LOCAL enable_sort = off")  # as `newest_leads` does
    plans = [explain(planner, statement), explain_prepared(planner, statement)]
    planner.execute("ROLLBACK")

    of_merged = {f"ix_leads_merged_{name}" for name in ("phone", "phone_alt", "email", "email_main")}
    indexes = {"ix_leads_phone", "ix_leads_phone_alt", "ix_leads_email", "ix_leads_email_main", "pk_leads", *of_merged}
    assert [plan.indexes for plan in plans] == [indexes, indexes]


def test_turn_of_a_clinic_reads_its_own_steps_without_statistics(large: LargeClinic, planner: psycopg.Connection[Any]):
    """After many new steps the planner expects a single due one, and would read and sort the steps of all clinics."""
    turn = Turn(Kind.CREATE_TASK, [large.practice.clinic_id], 100)
    [statement] = executed_statements(large, planner, lambda s, _: claim_turn(s, turn, now=now()), role=APP_ROLE)
    planner.execute("RESET ROLE")
    planner.execute("BEGIN")
    planner.execute("DELETE FROM pg_statistic WHERE starelid = 'steps'::regclass")
    for setting in AVOIDED_PLANS:
        planner.execute(f"SET LOCAL {setting} = off")  # type: ignore[arg-type]  # as `prefer_indexes` does
    plans = [explain(planner, statement), explain_prepared(planner, statement)]
    planner.execute("ROLLBACK")

    assert [plan.indexes & {"ix_steps_due", "ix_steps_due_by_clinic"} for plan in plans] == [
        {"ix_steps_due_by_clinic"}
    ] * 2


def test_census_reads_no_large_table(large: LargeClinic, planner: psycopg.Connection[Any]):
    statements = executed_statements(large, planner, sweep("take_census"), role=APP_ROLE)

    assert not any(explain(planner, one).read_whole for one in statements)


def test_many_steps_are_planned_with_one_statement(large: LargeClinic, planner: psycopg.Connection[Any]):
    rows = [
        step_row(
            large.actor.clinic.id, large.lead, kind=Kind.CREATE_TASK, name="call", params={}, cause={},
            due_at=now(), dedupe_key=f"call:{number}", begun_by=BegunBy.RULE,
        )
        for number in range(200)
    ]  # fmt: skip
    statements = executed_statements(
        large, planner, lambda session, _: add_steps(session, rows), role=row_security.ROLE
    )

    assert len(statements) == 1
    assert not explain(planner, statements[0]).read_whole


@pytest.mark.parametrize(("path", "query"), API_LISTS)
def test_api_lists_use_indexes(
    large: LargeClinic, planner: psycopg.Connection[Any], caller: Caller, path: str, query: dict[str, str]
):
    values = {"lead": large.lead, "source": large.practice.source_id, "now": now().isoformat()}
    path, query = path.format_map(values), {name: value.format_map(values) for name, value in query.items()}
    with listening() as statements:
        first = caller.get(f"/api/leads{path}", limit=2, **query)
        assert first.status == 200, first.body
        if cursor := first.body["next_cursor"]:
            caller.get(f"/api/leads{path}", limit=2, cursor=cursor, **query)
    planner.execute(f"SET ROLE {row_security.ROLE}")  # type: ignore[arg-type]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    pages = [statement for statement in statements if _reads_a_list(statement)]
    plans = [explain(planner, statement) for statement in pages]

    assert plans
    assert [plan.read_whole for plan in plans if plan.read_whole] == []
    assert all(plan.indexes for plan in plans)


def _reads_a_list(statement: Statement) -> bool:
    return statement.sql.startswith("SELECT") and " LIMIT " in statement.sql and "FROM lead" in statement.sql
