"""Round robin by lead id: Python and PostgreSQL choose the same user."""

from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import new_id, transaction
from app.identity.models import Role
from app.leads.assignment.rotation import NEXT_IN_ROTATION, next_in_rotation, turn_of
from tests.support.desk import Desk

LARGEST = UUID(int=2**128 - 1)
CHOICE = text(f"SELECT {NEXT_IN_ROTATION} FROM (SELECT CAST(:team AS uuid[]) AS team) AS available")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 100])
@pytest.mark.usefixtures("desk")
def test_sql_and_python_choose_the_same_user(size: int):
    team = sorted(new_id() for _ in range(size))
    leads = [UUID(int=0), LARGEST, *(new_id() for _ in range(300))]
    with transaction() as session:
        chosen = [session.scalar(CHOICE, {"team": team, "turn": turn_of(lead)}) for lead in leads]
    assert chosen == [next_in_rotation(lead, team) for lead in leads]


@pytest.mark.usefixtures("desk")
def test_no_team_gives_null():
    with transaction() as session:
        assert session.scalar(CHOICE, {"team": None, "turn": turn_of(new_id())}) is None


def test_captured_leads_go_to_the_user_that_python_chooses(desk: Desk):
    team = sorted(UUID(str(desk.hire(Role.TREATMENT_COORDINATOR).id)) for _ in range(3))
    for _ in range(20):
        lead = desk.capture()
        assert UUID(lead["assigned_to_id"]) == next_in_rotation(UUID(lead["id"]), team)
