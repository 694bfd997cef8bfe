"""Several INSERT and UPDATE statements in one round trip."""

from uuid import UUID

import pytest
from sqlalchemy import event

from app.core.db import engine, new_id, transaction
from app.messaging.delivery.write_together import Insert, Update, write_together
from app.messaging.models import Delivery, Notification
from tests.support.mail import about_to_be_delivered, note
from tests.support.practice import TUESDAY, Practice


@pytest.fixture
def note_id(practice: Practice) -> UUID:
    return UUID(str(note(about_to_be_delivered(practice)).id))


def started(practice: Practice, note_id: UUID, attempt: int) -> dict[str, object]:
    ids = {"id": new_id(), "clinic_id": practice.clinic_id, "notification_id": note_id}
    return {**ids, "attempt": attempt, "started_at": TUESDAY}


def test_all_rows_are_written_with_one_statement(practice: Practice, note_id: UUID):
    before, after = started(practice, note_id, 1), started(practice, note_id, 2)
    sending = {"id": note_id, "state": "sending", "attempts": 2}
    statements: list[str] = []
    with transaction() as session:
        write_together(session, Insert(Delivery, [before]))
        event.listen(engine(), "after_cursor_execute", listener := lambda *given: statements.append(given[2]))
        write_together(
            session,
            Insert(Delivery, [after]),
            Update(Notification, [sending], ("state", "error"), ("attempts",)),
            Update(Delivery, [{"id": before["id"], "outcome": "transient", "finished_at": TUESDAY}], ("outcome",)),
        )
        event.remove(engine(), "after_cursor_execute", listener)

    assert len(statements) == 1
    assert (note(practice).state, note(practice).attempts, note(practice).error) == ("sending", 2, None)
    found = [(row.attempt, row.outcome, row.finished_at) for row in practice.rows("deliveries", by="attempt")]
    assert found == [(1, "transient", None), (2, None, None)]


def test_nothing_to_write_is_no_statement(practice: Practice):
    with transaction() as session:
        write_together(session, Insert(Delivery, []), Update(Notification, [], ("state",)))
        assert session.connection().exec_driver_sql("SELECT pg_current_xact_id_if_assigned()").scalar() is None
