"""Late start: what a rule plans for an existing lead in a backfill, and when. Pure; uses the engine's plan.

A wait from a date of the lead counts from that date; a wait from the stage counts from its entry. If such a wait is not
over, its due time is kept. Everything else starts at the lead's turn in the backfill: due times in the past, and waits
that count from a past event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.automation.rules.existing_leads import PastEvent
from app.core.calendar.calendar import Calendar
from app.engine.plan.plan import Plan, plan
from app.engine.rules.rule_evaluation import Decision, RuleVerdict
from app.engine.rules.rules import Rule, RuleSet
from app.engine.rules.timing import NO_WAIT

AT_ONCE_MOVE = "at_once"


@dataclass(frozen=True, slots=True)
class LateStart:
    """The rule's decision about a lead. `planned` is None if it starts at the lead's turn."""

    past_event: PastEvent
    decision: Decision
    planned: Plan | None = None

    @property
    def is_matched(self) -> bool:
        """Whether the rule matches the lead."""
        return self.decision.verdict is RuleVerdict.MATCHED

    @property
    def needs_turn(self) -> bool:
        """Whether the lead takes a turn of the backfill's rate."""
        return self.is_matched and self.planned is None


def decide_late_start(rule: Rule, events: Sequence[PastEvent], calendar: Calendar) -> LateStart | None:
    """Return the rule's decision about the lead by its first matching past event; None without past events."""
    starts = [_decided(rule, past_event, calendar) for past_event in events]
    return next((start for start in starts if start.is_matched), starts[-1] if starts else None)


def plan_at_turn(start: LateStart, rule: Rule, turn: datetime, calendar: Calendar) -> Plan:
    """Return the plan for a lead that the backfill job processes at `turn`."""
    past_event = start.past_event
    if past_event.since is not None and rule.timing.of is None:
        return _plan(replace(rule, timing=replace(rule.timing, wait=NO_WAIT)), past_event, turn, calendar)
    found = _plan(rule, past_event, turn, calendar)
    return (
        found if found.steps else _plan(rule, past_event, past_event.event.occurred_at, calendar)
    )  # its date is not postponed


def _decided(rule: Rule, past_event: PastEvent, calendar: Calendar) -> LateStart:
    found = plan(RuleSet.of([rule]), past_event.event, calendar)
    [decision] = found.decisions
    start = LateStart(past_event, decision)
    return replace(start, planned=_plan_if_waiting(rule, past_event, found, calendar)) if start.is_matched else start


def _plan_if_waiting(rule: Rule, past_event: PastEvent, found: Plan, calendar: Calendar) -> Plan | None:
    """Return the plan of a wait that is not over; None if it is over, or if there is no wait."""
    if rule.timing.of is not None:
        moves = [move["by"] for step in found.decisions[0].details["steps"] for move in step.get("moves", ())]
        return None if AT_ONCE_MOVE in moves else found
    if past_event.since is None:
        return None
    counted = _plan(rule, past_event, past_event.since, calendar)
    return counted if all(step.due_at > past_event.event.occurred_at for step in counted.steps) else None


def _plan(rule: Rule, past_event: PastEvent, at: datetime, calendar: Calendar) -> Plan:
    """Plan the rule as if the event happened at `at`. The conditions are already checked."""
    return plan(RuleSet.of([replace(rule, when=())]), replace(past_event.event, occurred_at=at), calendar)
