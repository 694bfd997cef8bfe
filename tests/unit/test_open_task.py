"""`OpenTask` maps columns of the table of `Task`; both definitions must match."""

from app.leads.search.open_task import OpenTask
from app.tasks.models import Task


def test_open_task_matches_table_and_columns_of_task():
    own, read = Task.__table__, OpenTask.__table__
    assert read.name == own.name
    assert {c.name: str(c.type.compile()) for c in read.c} == {
        c.name: str(own.c[c.name].type.compile()) for c in read.c
    }
