"""Guards of due steps: closed leads, inactive rules, lateness and conditions, in this order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.engine.models import Reason
from app.engine.steps.guard import Refusal, closed_lead_reason, refusal

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


@dataclass
class GuardStep:
    cause: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] | None = None
    lateness: int | None = None


@dataclass
class GuardLead:
    status: str = "NEW"
    deleted_at: datetime | None = None
    restricted_at: datetime | None = None


def refused(
    step: GuardStep,
    lead: GuardLead,
    *,
    late: timedelta = timedelta(),
    rule_is_active: bool = True,
    facts: Mapping[str, Any] | None = None,
) -> Refusal | None:
    return refusal(step, lead, late=late, rule_is_active=rule_is_active, facts=lambda: facts or {})


@pytest.mark.parametrize(
    ("lead", "cause", "reason"),
    [
        (GuardLead(), {}, None),
        (GuardLead("ACTIVE"), {}, None),
        (GuardLead("CONVERTED"), {}, Reason.CONVERTED),
        (GuardLead("LOST"), {}, Reason.LOST),
        (GuardLead("ARCHIVED"), {}, Reason.ARCHIVED),
        # steps that the closing itself planned: a welcome, a win-back
        (GuardLead("CONVERTED"), {"lead_status": "CONVERTED"}, None),
        (GuardLead("LOST"), {"lead_status": "LOST"}, None),
        (GuardLead("CONVERTED"), {"lead_status": "LOST"}, Reason.CONVERTED),  # closed otherwise meanwhile
        # no step runs for a deleted or a restricted lead
        (GuardLead(deleted_at=NOW), {}, Reason.LEAD_GONE),
        (GuardLead(restricted_at=NOW), {}, Reason.RESTRICTED),
        (GuardLead("LOST", deleted_at=NOW), {"lead_status": "LOST"}, Reason.LEAD_GONE),
        (GuardLead("LOST", restricted_at=NOW), {"lead_status": "LOST"}, Reason.RESTRICTED),
        (GuardLead("LOST", deleted_at=NOW, restricted_at=NOW), {}, Reason.LEAD_GONE),
    ],
)
def test_no_step_runs_for_a_closed_deleted_or_restricted_lead(
    lead: GuardLead, cause: Mapping[str, Any], reason: Reason | None
):
    assert closed_lead_reason(lead, cause) is reason
    assert refused(GuardStep(cause), lead) == (reason and Refusal(reason, {}))


def test_step_of_an_inactive_rule_is_refused():
    assert refused(GuardStep(), GuardLead(), rule_is_active=False) == Refusal(Reason.RULE_INACTIVE, {})


@pytest.mark.parametrize(
    ("lateness", "late", "details"),
    [
        (None, timedelta(days=30), None),  # the rule sets no limit
        (7200, timedelta(hours=2), None),  # exactly as late as allowed
        (7200, timedelta(hours=2, microseconds=1), {"late_seconds": 7200}),
        (7200, timedelta(hours=3), {"late_seconds": 10800}),
        (0, timedelta(), None),
        (0, timedelta(seconds=1), {"late_seconds": 1}),
    ],
)
def test_step_that_is_too_late_is_refused(lateness: int | None, late: timedelta, details: Mapping[str, Any] | None):
    expected = None if details is None else Refusal(Reason.TOO_LATE, details)

    assert refused(GuardStep(lateness=lateness), GuardLead(), late=late) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("lead.contacted_at", Reason.ALREADY_CONTACTED),
        ("since.contacted", Reason.ALREADY_CONTACTED),
        ("lead.failed_attempts", Reason.ALREADY_CONTACTED),
        ("since.replied", Reason.REPLIED),
        ("lead.replied_at", Reason.REPLIED),
        ("lead.opted_out_at", Reason.OPTED_OUT),
        ("lead.pipeline_stage", Reason.LEFT_STAGE),
        ("task.status", Reason.TASK_DONE),
        ("lead.status", Reason.CONDITION_NOT_MET),
    ],
)
def test_unmet_condition_gives_the_reason_of_its_field(path: str, reason: Reason):
    group, _, name = path.partition(".")
    condition = {"field": path, "exists": True}
    facts = {group: {name: 3}}

    assert refused(GuardStep(guard={"unless": [condition]}), GuardLead(), facts=facts) == Refusal(
        reason, {"unmet": condition}
    )
    assert refused(GuardStep(guard={"only_if": [condition]}), GuardLead(), facts=facts) is None
    assert refused(GuardStep(guard={"only_if": [condition]}), GuardLead()) == Refusal(reason, {"unmet": condition})


def test_unmet_group_of_conditions_has_no_reason_of_its_own():
    group = {"any": [{"field": "since.replied", "equals": True}, {"field": "since.contacted", "equals": True}]}

    found = refused(GuardStep(guard={"unless": [group]}), GuardLead(), facts={"since": {"replied": True}})

    assert found == Refusal(Reason.CONDITION_NOT_MET, {"unmet": group})


def test_first_reason_counts():
    unmet = {"only_if": [{"field": "lead.status", "equals": "ACTIVE"}]}
    step = GuardStep(guard=unmet, lateness=60)
    late = timedelta(hours=1)

    assert refused(step, GuardLead("LOST"), late=late, rule_is_active=False) == Refusal(Reason.LOST, {})
    assert refused(step, GuardLead(), late=late, rule_is_active=False) == Refusal(Reason.RULE_INACTIVE, {})
    assert refused(step, GuardLead(), late=late) == Refusal(Reason.TOO_LATE, {"late_seconds": 3600})
    assert refused(step, GuardLead()) == Refusal(Reason.CONDITION_NOT_MET, {"unmet": unmet["only_if"][0]})


@pytest.mark.parametrize("guard", [None, {}])
def test_facts_are_not_loaded_for_a_step_without_a_guard(guard: Mapping[str, Any] | None):
    def fail() -> Mapping[str, Any]:
        raise AssertionError("the facts were loaded")

    assert refusal(GuardStep(guard=guard), GuardLead(), late=timedelta(), rule_is_active=True, facts=fail) is None
