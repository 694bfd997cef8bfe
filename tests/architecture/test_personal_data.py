"""Every column of every table has a declaration: how it is erased, merged and exported.

A column that fails here is declared in `app/leads/personal_data`.
"""

from typing import Final

import pytest
from sqlalchemy import Column, Table

from app.core.db import model_of
from app.leads.fields import Merged
from app.leads.personal_data.columns import Erased
from app.leads.personal_data.tables import PERSONAL_TABLES, TABLES, children_first, erasure_of
from app.models import Base
from app.security.encrypted_fields import encrypted_fields_of

STORED: Final = Base.metadata.tables
WHERE: Final = "Declare it in app/leads/personal_data."


def _names(table: str) -> set[str]:
    """Return the columns and the encrypted fields of a table. Fields replace the column that contains them."""
    fields = set(encrypted_fields_of(model_of(table)))
    return ({column.name for column in STORED[table].columns} - ({"sealed"} if fields else set())) | fields


def test_every_table_is_declared():
    assert set(TABLES) == set(STORED), WHERE


@pytest.mark.parametrize("table", sorted(STORED))
def test_every_column_is_declared(table: str):
    declared = set(TABLES[table].columns)
    assert _names(table) - declared == set(), f"Columns of {table} have no declaration. {WHERE}"
    assert declared - _names(table) == set(), f"Declared columns of {table} do not exist."


def test_every_table_that_a_foreign_key_links_to_a_lead_has_rows_of_a_person():
    linked = {"leads"}
    while more := {name for name, table in STORED.items() if _parents(table) & linked} - linked:
        linked |= more
    named = {name for name, table in STORED.items() if "lead_id" in table.columns}
    assert linked | named <= set(PERSONAL_TABLES)


def _parents(table: Table) -> set[str]:
    return {key.column.table.name for key in table.foreign_keys}


def test_values_that_stay_have_a_reason():
    silent = [
        f"{table}.{name}"
        for table, declared in TABLES.items()
        for name, column in declared.columns.items()
        if column.erased is Erased.STAYS and len(column.because.split()) < 4
    ]
    assert silent == []


def test_free_text_of_a_person_does_not_stay_by_oversight():
    """JSON and encrypted data of a person's rows stay only with a reason of their own."""
    kept = {
        f"{table}.{name}"
        for table, declared in PERSONAL_TABLES.items()
        for name, column in declared.columns.items()
        if column.erased is Erased.STAYS and (name in encrypted_fields_of(model_of(table)) or _is_json(table, name))
    }
    assert kept == {"events.chain"}


def _is_json(table: str, name: str) -> bool:
    column: Column[object] = STORED[table].columns[name]
    return type(column.type).__name__ == "JSONB"


def test_encrypted_fields_of_a_row_are_erased_together():
    """They are stored in one column."""
    for table, declared in PERSONAL_TABLES.items():
        fields = {declared.columns[name].erased for name in encrypted_fields_of(model_of(table))}
        assert len(fields) <= 1, table


def test_every_column_of_leads_says_how_it_is_merged():
    for name, column in TABLES["leads"].columns.items():
        assert column.merged is not None, f"leads.{name}"
        if column.merged is Merged.OWN:
            assert column.merged_because, f"leads.{name}"


def test_every_table_of_a_person_says_how_its_rows_are_merged():
    assert [name for name, table in PERSONAL_TABLES.items() if table.merged is None] == []


def test_rows_of_a_person_that_are_erased_have_a_statement():
    assert set(children_first()) == set(PERSONAL_TABLES)
    silent = {name for name in PERSONAL_TABLES if not erasure_of(name, stored=frozenset(STORED[name].columns.keys()))}
    assert silent == {"tracked_messages", "enrollment_steps"}  # ids, codes and times
