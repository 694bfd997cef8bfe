"""What a rule wants of a lead that was there before it, and when. Pure, on the plan that the engine makes.

A wait from a date of the lead is that date's; one from the stage counts from when the lead entered it. What such a wait
makes due only later stays so. All else begins at the lead's turn: what is past by now, and what counts from an event
that was long ago.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.automation.rules.existing_leads import Told
from app.core.calendar.calendar import Calendar
from app.engine.plan.plan import Plan, plan
from app.engine.rules.rule_evaluation import Decision, RuleVerdict
from app.engine.rules.rules import Rule, RuleSet
from app.engine.rules.timing import NO_WAIT

AT_ONCE_MOVE = "at_once"


@dataclass(frozen=True, slots=True)
class LateStart:
    """What the rule decided about one lead; `planned` is None where it begins at the lead's turn."""

    told: Told
    decision: Decision
    planned: Plan | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to do."""
        return self.decision.verdict is RuleVerdict.MATCHED

    @property
    def awaits_its_turn(self) -> bool:
        """Whether it takes a place in the rate."""
        return self.is_wanted and self.planned is None


def look_at(rule: Rule, known: Sequence[Told], calendar: Calendar) -> LateStart | None:
    """What the rule decides about the lead as it is now: by the first event that it acts on; None: it knows of none."""
    starts = [_decided(rule, told, calendar) for told in known]
    return next((start for start in starts if start.is_wanted), starts[-1] if starts else None)


def at_its_turn(start: LateStart, rule: Rule, turn: datetime, calendar: Calendar) -> Plan:
    """What is planned when the lead's turn is then."""
    told = start.told
    if told.since is not None and rule.timing.of is None:
        return _plan(replace(rule, timing=replace(rule.timing, wait=NO_WAIT)), told, turn, calendar)
    found = _plan(rule, told, turn, calendar)
    return found if found.steps else _plan(rule, told, told.event.occurred_at, calendar)  # its date does not wait


def _decided(rule: Rule, told: Told, calendar: Calendar) -> LateStart:
    found = plan(RuleSet.of([rule]), told.event, calendar)
    [decision] = found.decisions
    start = LateStart(told, decision)
    return replace(start, planned=_of_its_own(rule, told, found, calendar)) if start.is_wanted else start


def _of_its_own(rule: Rule, told: Told, found: Plan, calendar: Calendar) -> Plan | None:
    """The plan of a wait that is not over yet; None: it is, or there is none."""
    if rule.timing.of is not None:
        moves = [move["by"] for step in found.decisions[0].details["steps"] for move in step.get("moves", ())]
        return None if AT_ONCE_MOVE in moves else found
    if told.since is None:
        return None
    counted = _plan(rule, told, told.since, calendar)
    return counted if all(step.due_at > told.event.occurred_at for step in counted.steps) else None


def _plan(rule: Rule, told: Told, at: datetime, calendar: Calendar) -> Plan:
    """As if it had happened then; its conditions hold, of the lead as it is now."""
    return plan(RuleSet.of([replace(rule, when=())]), replace(told.event, occurred_at=at), calendar)
