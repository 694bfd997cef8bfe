"""Calls that end without a commit: what they wrote is undone, and the connection keeps its prepared statements."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from app.core.database.rollback import commit_if_nothing_is_written
from app.core.db import engine, new_id, sessions
from app.leads.attribution.models import LeadSource
from tests.support.desk import Answer, Desk
from tests.support.pooler import needs_direct_connections


def prepared_statements() -> set[str]:
    """Return the names of the statements that the pooled connection has prepared."""
    with engine().begin() as connection:  # a rollback here would drop them
        return set(connection.scalars(text("SELECT name FROM pg_prepared_statements")))


REFUSED: dict[int, Callable[[Desk], Answer]] = {
    403: lambda desk: desk.doctor.get("/api/api-keys"),
    404: lambda desk: desk.admin.get(f"/api/leads/{new_id()}"),
    422: lambda desk: desk.admin.post("/api/leads", {}),
    428: lambda desk: desk.admin.patch(f"/api/leads/{new_id()}", {}, seen=None),
}


@needs_direct_connections
@pytest.mark.parametrize("status", REFUSED)
def test_refused_call_keeps_the_prepared_statements(desk: Desk, status: int):
    refused = REFUSED[status]
    engine().dispose()  # a connection of its own: an old one may drop the statements it has not used for long
    refused(desk)
    for _ in range(4):
        desk.admin.get("/api/leads")
    before = prepared_statements()
    assert refused(desk).status == status
    assert before
    assert before <= prepared_statements()


def test_writes_before_an_error_are_undone(desk: Desk):
    with sessions()() as session:
        session.execute(text("UPDATE clinics SET name = 'Changed'"))
        commit_if_nothing_is_written(session)
        session.rollback()
    assert [row.name for row in desk.sql("SELECT name FROM clinics")] == ["A clinic"]


def test_pending_objects_are_not_written(desk: Desk):
    with sessions()() as session:
        session.execute(text("SELECT 1"))
        session.add(LeadSource(clinic_id=desk.clinic_id, name="Pending"))
        commit_if_nothing_is_written(session)
        session.rollback()
    assert desk.sql("SELECT id FROM lead_sources WHERE name = 'Pending'") == []


def test_broken_transaction_is_rolled_back(desk: Desk):
    with sessions()() as session:
        with pytest.raises(Exception, match="no_such_table"):
            session.execute(text("SELECT * FROM no_such_table"))
        commit_if_nothing_is_written(session)
        session.rollback()
        assert session.scalar(text("SELECT count(*) FROM clinics")) == 1
