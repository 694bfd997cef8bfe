"""Assignment of new leads by rules and by default, also under concurrency."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.identity.models import Role
from tests.support.assigning import add_rule, given_out, history, member, send_away
from tests.support.bulk import ask, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk

COORDINATOR = Role.TREATMENT_COORDINATOR


@pytest.fixture
def team(desk: Desk) -> list[Caller]:
    return [desk.hire(COORDINATOR, name) for name in ("Ana", "Ben", "Cleo")]


def capture(desk: Desk, **more: Any) -> str | None:
    found: str | None = desk.capture(**more)["assigned_to_id"]
    return found


def eight_threads(desk: Desk, each: int, **more: Any) -> None:
    """Capture leads from eight threads at once, `each` of them per thread."""
    callers = [desk.hire(Role.FRONT_DESK) for _ in range(8)]

    def take_in(caller: Caller) -> None:
        for _ in range(each):
            answer = caller.post("/api/leads", desk.lead_data(**more))
            assert answer.status == 201, answer.body

    run_concurrently(*(lambda caller=caller: take_in(caller) for caller in callers))


def test_members_take_turns(desk: Desk, team: list[Caller]):
    add_rule(desk, *team)
    ids = [person.id for person in team]
    assert [capture(desk) for _ in range(6)] == ids * 2


def test_concurrent_captures_are_spread_evenly(desk: Desk, team: list[Caller]):
    add_rule(desk, *team)
    eight_threads(desk, 5)
    counted = given_out(desk)  # 40 leads: 13, 13 and 14
    assert sorted(counted[person.id] for person in team) == [13, 13, 14]


def test_concurrent_captures_stay_below_the_ceiling(desk: Desk, team: list[Caller]):
    """The ceiling counts across both rules."""
    ana, ben, cleo = team
    walk_in = {"source_categories": ["WALK_IN"]}
    add_rule(desk, member(ana, ceiling=5), member(ben, ceiling=7), conditions=walk_in, strategy="capacity")
    add_rule(desk, member(ben, ceiling=7), member(ana, ceiling=5), fallback_id=cleo.id)
    walked_in = next(s["id"] for s in desk.admin.every("/api/lead-sources") if s["category"] == "WALK_IN")
    run_concurrently(lambda: eight_threads(desk, 2), lambda: eight_threads(desk, 2, source_id=walked_in))
    counted = given_out(desk)
    assert (counted[ana.id], counted[ben.id]) == (5, 7)  # as many as they may have, and not one more
    assert sum(counted.values()) == 32


def test_default_assignment_respects_the_ceiling(desk: Desk, team: list[Caller]):
    """The admin without a ceiling gets what the coordinators cannot take; a full admin gets none."""
    near = {"postal_prefixes": ["100"]}
    add_rule(desk, *(member(person, ceiling=2) for person in team), conditions=near)
    eight_threads(desk, 1)  # of no rule: by default
    eight_threads(desk, 1, postal_code="10017")
    assert given_out(desk) == {**{person.id: 2 for person in team}, desk.admin.id: 10}
    add_rule(desk, member(desk.admin, ceiling=10))
    assert capture(desk) is None
    work_off(desk, ask(desk.admin, leads=people(desk, 2)))
    assert given_out(desk)[None] == 3


def test_concurrent_captures_follow_weights(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    add_rule(desk, member(ana, weight=3), member(ben, weight=1), strategy="capacity")
    eight_threads(desk, 3)
    assert given_out(desk) == {ana.id: 18, ben.id: 6}


def test_clinics_do_not_block_each_other(desk: Desk, other_desk: Desk, team: list[Caller]):
    theirs = [other_desk.hire(COORDINATOR) for _ in range(2)]
    add_rule(desk, *team)
    add_rule(other_desk, *theirs)
    desk.capture()
    other_desk.capture(phone="+34600111222")
    assert [history(d, d.admin.every("/api/leads")[0])[0]["why"] for d in (desk, other_desk)] == ["rule", "rule"]


def test_clinic_without_rules_needs_no_additional_query(desk: Desk):
    desk.hire(COORDINATOR)
    desk.capture()
    said: list[str] = []

    def note(*call: Any) -> None:
        said.append(call[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        desk.capture()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert not [statement for statement in said if "advisory" in statement or "assignment_turns" in statement]


def test_explicit_assignee_overrides_the_rules(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    add_rule(desk, ana)
    lead = desk.capture(assigned_to_id=ben.id)
    assert lead["assigned_to_id"] == ben.id
    [entry] = history(desk, lead)
    assert (entry["why"], entry["by_id"], entry["rule_id"]) == ("manual", desk.admin.id, None)


def test_absent_user_gets_no_lead(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    send_away(desk, ana)
    assert {capture(desk) for _ in range(20)} == {ben.id, cleo.id}
    add_rule(desk, ana, ben)
    assert {capture(desk) for _ in range(3)} == {ben.id}


def test_inactive_user_gets_no_lead(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    add_rule(desk, ana, ben)
    desk.sql("UPDATE users SET is_active = false WHERE id = :id", id=ana.id)
    assert {capture(desk) for _ in range(3)} == {ben.id}


def test_admin_gets_the_lead_without_a_coordinator(desk: Desk):
    lead = desk.capture()
    assert lead["assigned_to_id"] == desk.admin.id
    assert history(desk, lead)[0]["why"] == "default"


def test_lead_is_captured_without_any_eligible_user(desk: Desk):
    send_away(desk, desk.admin)
    lead = desk.capture()
    assert (lead["assigned_to_id"], lead["assigned_at"], history(desk, lead)) == (None, None, [])


def test_closed_lead_no_longer_counts_towards_the_ceiling(desk: Desk, team: list[Caller]):
    ana, *_ = team
    add_rule(desk, member(ana, ceiling=1), fallback_id=desk.admin.id)
    first = desk.capture()
    assert capture(desk) == desk.admin.id
    desk.admin.post(f"/api/leads/{first['id']}/lost", {"reason": "OTHER"})
    assert capture(desk) == ana.id


def test_refused_lead_takes_no_turn(desk: Desk, team: list[Caller]):
    add_rule(desk, *team)
    for wrong in ({"source_id": "00000000-0000-0000-0000-000000000000"}, {"phone": "twelve"}):
        assert desk.admin.post("/api/leads", desk.lead_data(**wrong)).status == 422
    assert capture(desk) == team[0].id


def test_changed_rule_applies_to_the_next_lead(desk: Desk, team: list[Caller]):
    ana, ben, _ = team
    rule = add_rule(desk, ana)
    assert capture(desk) == ana.id
    again = {"name": "Other", "strategy": "round_robin", "members": [member(ben)]}
    assert desk.admin.put(f"/api/assignment-rules/{rule['id']}", again).status == 200
    assert capture(desk) == ben.id


# --- many at once ---


def people(desk: Desk, how_many: int, **more: Any) -> list[dict[str, Any]]:
    return [desk.lead_data(first_name=f"N{i}", email=f"n{i}@people.example", **more) for i in range(how_many)]


def test_bulk_of_new_leads_is_spread_like_single_captures(desk: Desk, team: list[Caller]):
    rule = add_rule(desk, *team)
    first = desk.capture()
    work_off(desk, ask(desk.admin, leads=people(desk, 14)))
    assert given_out(desk) == {person.id: 5 for person in team}
    assert capture(desk) == first["assigned_to_id"]  # the turn goes on where the bulk left it
    entries = desk.sql("SELECT why, rule_id, from_id, to_id FROM assignment_history")
    assert Counter((entry.why, str(entry.rule_id)) for entry in entries) == {("rule", rule["id"]): 16}
    assert {str(entry.to_id) for entry in entries} == {person.id for person in team}


def test_bulk_respects_ceilings_and_conditions(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    near = {"postal_prefixes": ["100"], "treatment_interests": ["INVISALIGN"], "source_ids": [desk.source_id]}
    add_rule(desk, member(ana, ceiling=3), conditions=near, fallback_id=cleo.id)
    add_rule(desk, ben)
    known = {"postal_code": "10017", "treatment_interest": ["INVISALIGN"]}
    work_off(desk, ask(desk.admin, leads=[*people(desk, 5, **known), *people(desk, 2, postal_code="94105")]))
    assert given_out(desk) == {ana.id: 3, cleo.id: 2, ben.id: 2}


def test_concurrent_bulks_and_captures_are_spread_evenly(desk: Desk, team: list[Caller]):
    add_rule(desk, *team)
    job = ask(desk.admin, leads=people(desk, 30))
    run_concurrently(lambda: work_off(desk, job), lambda: eight_threads(desk, 3))
    assert given_out(desk) == {person.id: 18 for person in team}  # 30 + 24 = 54


def test_bulk_skips_absent_users_by_default(desk: Desk, team: list[Caller]):
    ana, ben, cleo = team
    send_away(desk, ana)
    work_off(desk, ask(desk.admin, leads=people(desk, 20)))
    assert set(given_out(desk)) == {ben.id, cleo.id}
    assert {entry.why for entry in desk.sql("SELECT why FROM assignment_history")} == {"default"}
