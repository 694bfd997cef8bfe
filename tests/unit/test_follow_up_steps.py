"""Steps that follow from a step: repetitions and branches. New York, the clocks go forward on 8 March 2026."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.models import BegunBy, Kind, Reason
from app.engine.plan.follow_up_steps import choose_branch, next_repetition, repeats
from app.engine.plan.plan import PlannedStep
from app.engine.rules.rules import RuleSet

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json({day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed")}))
STEP = UUID(int=7)
GUARD = {"unless": [{"field": "lead.status", "equals": "LOST"}]}


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


NOW = at("2026-03-10 10:00")


@dataclass(frozen=True)
class DoneStep:
    cause: Mapping[str, Any]
    id: UUID = STEP
    kind: str = Kind.REMIND
    name: str = "weekly"
    params: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] | None = None
    lateness: int | None = None
    stop_on: Sequence[str] = ()
    dedupe_key: str | None = "weekly:0:event:"


def recurring(every: str = "1 week", due: str = "2026-03-03 10:00", **more: str) -> DoneStep:
    return DoneStep({"rule": "weekly", "every": {"time": every, "due_at": at(due).isoformat(), **more}})


FINAL = {
    Reason.CONVERTED, Reason.LOST, Reason.ARCHIVED, Reason.LEAD_GONE, Reason.RESTRICTED,
    Reason.ERASED, Reason.MERGED, Reason.OPTED_OUT,
}  # fmt: skip


@pytest.mark.parametrize("skipped", [None, *Reason])
def test_recurring_step_repeats_unless_the_lead_or_the_rule_has_ended(skipped: Reason | None):
    kept = RuleSet(inactive=frozenset({"weekly"}))
    assert repeats(recurring(), skipped, kept) is (skipped not in FINAL)
    assert repeats(recurring(), skipped, RuleSet()) is (skipped not in {*FINAL, Reason.RULE_INACTIVE})
    assert not repeats(DoneStep({"rule": "once"}), skipped, kept)


@pytest.mark.parametrize(
    ("every", "last", "now", "expected"),
    [
        ("1 week", "2026-03-03 10:00", "2026-03-03 10:00", "2026-03-10 10:00"),  # the same local time after the change
        ("1 week", "2026-03-03 10:00", "2026-03-05 17:00", "2026-03-10 10:00"),  # a late run shifts nothing
        ("1 week", "2026-03-03 10:00", "2026-03-25 10:00", "2026-03-31 10:00"),  # missed ones are not made up
        ("1 week", "2026-03-03 10:00", "2026-02-26 10:00", "2026-03-10 10:00"),  # run early, or cancelled: not again
        ("1 month", "2026-03-03 10:00", "2026-02-26 10:00", "2026-04-03 10:00"),
    ],
)
def test_repetition_counts_from_the_due_time(every: str, last: str, now: str, expected: str):
    step = next_repetition(recurring(every, last), at(now), CALENDAR)

    assert step.due_at == at(expected)
    assert step.cause == {"rule": "weekly", "every": {"time": every, "due_at": at(expected).isoformat()}}


def test_repetition_keeps_the_local_time_of_the_leads_zone():
    step = next_repetition(
        recurring("1 week", "2026-03-24 10:00", zone="Europe/Berlin"), at("2026-03-24 10:00"), CALENDAR
    )

    # 15:00 in Berlin on both days; the clocks there go forward on 29 March
    assert step.due_at == at("2026-03-31 15:00", BERLIN) == at("2026-03-31 09:00")
    assert step.cause["every"]["zone"] == "Europe/Berlin"


def test_repetition_moves_the_due_time_of_its_task():
    params = {"title": "Call", "task_due_at": at("2026-03-17 12:00").isoformat()}
    step = next_repetition(replace(recurring(due="2026-03-17 10:00"), params=params), at("2026-03-17 10:00"), CALENDAR)

    assert step.params == {"title": "Call", "task_due_at": at("2026-03-24 12:00").isoformat()}
    assert params["task_due_at"] == at("2026-03-17 12:00").isoformat()  # the finished step keeps its own


def test_repetition_is_the_same_step_at_another_time():
    once = replace(recurring(), params={"a": 1}, guard=GUARD, lateness=60, stop_on=["lead.replied"])
    step = next_repetition(once, at("2026-03-03 10:00"), CALENDAR)

    due_at = at("2026-03-10 10:00")
    assert step == PlannedStep(
        kind=Kind.REMIND,
        name="weekly",
        due_at=due_at,
        params={"a": 1},
        cause={"rule": "weekly", "every": {"time": "1 week", "due_at": due_at.isoformat()}},
        guard=GUARD,
        stop_on=("lead.replied",),
        lateness=60,
        key=f"weekly:0:event:@{due_at.isoformat()}",
        begun_by=BegunBy.REPETITION,
    )


@pytest.mark.parametrize(
    ("key", "first"),
    [("weekly:0:event:@2026-02-24T15:00:00+00:00", "weekly:0:event:"), (None, str(STEP))],
)
def test_each_repetition_has_one_key(key: str | None, first: str):
    step = next_repetition(replace(recurring(), dedupe_key=key), at("2026-03-03 10:00"), CALENDAR)

    assert step.key == f"{first}@{at('2026-03-10 10:00').isoformat()}"
    assert step.guard is None


IS_NEW, IS_HOT = {"field": "lead.status", "equals": "NEW"}, {"field": "lead.tags", "contains": "hot"}
PATHS = {
    "if": [IS_NEW, IS_HOT],
    "then": [{"suggest_lost": {"note": "first"}}, {"remind": {"minutes": 5}}],
    "else": [{"create_task": {"type": "CALL", "title": "Ask", "due": {"after": "1 hour"}}}],
}


def branch(**fields: Any) -> DoneStep:
    return replace(
        DoneStep({"rule": "fork"}, kind=Kind.BRANCH, name="fork", params=PATHS, dedupe_key="fork:0"), **fields
    )


@pytest.mark.parametrize(
    ("lead", "name"),
    [
        ({"status": "NEW", "tags": ["hot"]}, "then"),
        ({"status": "NEW", "tags": []}, "else"),  # all conditions have to hold
        ({"status": "LOST", "tags": ["hot"]}, "else"),
    ],
)
def test_branch_is_chosen_by_its_conditions(lead: Mapping[str, Any], name: str):
    taken = choose_branch(branch(), {"lead": lead}, NOW, CALENDAR)

    assert taken.name == name
    assert [step.kind for step in taken.steps] == [kind for action in PATHS[name] for kind in action]
    assert [step.key for step in taken.steps] == [f"fork:0:{name}:{i}" for i in range(len(taken.steps))]


def test_step_of_a_branch_continues_its_branch_step():
    params = {**PATHS, "task_id": "t", "scheduled_for": "s", "note": "of the branch step only"}
    step = branch(params=params, guard=GUARD, lateness=60, stop_on=["lead.replied"])

    first, _ = choose_branch(step, {"lead": {"status": "NEW", "tags": ["hot"]}}, NOW, CALENDAR).steps

    assert first == PlannedStep(
        kind=Kind.SUGGEST_LOST,
        name="fork",
        due_at=NOW,
        params={"task_id": "t", "scheduled_for": "s", "note": "first"},
        cause={"rule": "fork"},
        guard=GUARD,
        stop_on=("lead.replied",),
        lateness=60,
        key="fork:0:then:0",
        begun_by=BegunBy.BRANCH,
    )


def test_task_of_a_branch_is_due_from_the_moment_of_the_branch():
    [step] = choose_branch(branch(dedupe_key=None), {"lead": {}}, NOW, CALENDAR).steps

    assert step.params["task_due_at"] == at("2026-03-10 11:00").isoformat()
    assert step.key == f"{STEP}:else:0"


def test_branch_without_a_path_ends_there():
    taken = choose_branch(branch(params={"if": [IS_NEW], "then": []}), {"lead": {}}, NOW, CALENDAR)

    assert (taken.name, taken.steps) == ("else", ())
