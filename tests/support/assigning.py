"""Assignment rules, made by the admin, and what came of them."""

from collections import Counter
from typing import Any

from tests.support.desk import Caller, Desk

RULES = "/api/assignment-rules"


def add_rule(desk: Desk, *members: Caller | dict[str, Any], strategy: str = "round_robin", **more: Any) -> Any:
    """Create a rule with these members and return the response."""
    named = [member if isinstance(member, dict) else {"user_id": member.id} for member in members]
    answer = desk.admin.post(RULES, {"name": "A rule", "strategy": strategy, "members": named, **more})
    assert answer.status == 201, answer.body
    return answer.body


def member(person: Caller, **more: Any) -> dict[str, Any]:
    return {"user_id": person.id, **more}


def given_out(desk: Desk) -> Counter[str | None]:
    """Return the number of the clinic's leads by user."""
    leads = desk.sql("SELECT assigned_to_id FROM leads WHERE clinic_id = :c", c=desk.clinic_id)
    return Counter(str(lead.assigned_to_id) if lead.assigned_to_id else None for lead in leads)


def send_away(desk: Desk, person: Caller) -> None:
    """Register an absence from yesterday until tomorrow."""
    desk.sql(
        "INSERT INTO absences (id, clinic_id, user_id, starts_at, ends_at, tasks, created_at) VALUES"
        " (gen_random_uuid(), :c, :u, now() - interval '1 day', now() + interval '1 day', 'leave', now())",
        c=desk.clinic_id,
        u=person.id,
    )


def history(desk: Desk, lead: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the assignments, newest first."""
    return desk.admin.every(f"/api/leads/{lead['id']}/assignments")
