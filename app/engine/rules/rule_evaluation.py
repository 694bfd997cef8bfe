"""What a rule decided about an event, and why: kept with the event, for whoever asks later. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.engine.events.events import Facts
from app.engine.plan.timing import Due
from app.engine.rules.conditions import CHANGED, Condition, fact, holds, leaves
from app.engine.rules.rules import Rule

SECRET = frozenset({"lead.email", "lead.phone"})  # of these it is told only that they are there


class Verdict(StrEnum):
    MATCHED = "matched"  # its steps were planned
    UNMET = "unmet"  # one of its conditions did not hold
    LEAD_IS_OVER = "lead_is_over"  # converted, lost or archived, and the rule does not listen to that
    LOOP = "loop"  # the rule itself led to the event
    TOO_DEEP = "too_deep"  # rules led to rules, ten times, with no person in between
    NO_SUCH_DATE = "no_such_date"  # what it counts from is not there, or is past


@dataclass(frozen=True, slots=True)
class Decision:
    """One rule's. `details` are the condition and the value it met, the chain, or the due times and what moved them."""

    rule: Rule
    verdict: Verdict
    details: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "rule": self.rule.slug,
            "rule_id": self.rule.id,
            "version": self.rule.version,
            "verdict": self.verdict,
            **self.details,
        }


def matched(rule: Rule, wanted: Sequence[tuple[str, Due]]) -> Decision:
    """It wants steps of these kinds, then."""
    return Decision(rule, Verdict.MATCHED, {"steps": [_step(kind, due) for kind, due in wanted]})


def _step(kind: str, due: Due) -> dict[str, Any]:
    step = {"kind": kind, "due_at": due.at}
    moved = {"wanted_at": due.wanted, "moves": [move._asdict() for move in due.moves]}
    return step | moved if due.moves else step


def unmet(rule: Rule, condition: Condition, facts: Facts) -> Decision:
    """This condition does not hold."""
    return Decision(rule, Verdict.UNMET, {"condition": dict(condition), "value": shown(condition, facts)})


def shown(condition: Condition, facts: Facts) -> Any:
    """What a condition found: the value of its field; of a group, those of its parts by field."""
    parts = list(leaves(condition))
    values = {part["field"]: _value(part, facts) for part in parts}
    return values if "field" not in condition else values[condition["field"]]


def examined(conditions: tuple[Condition, ...], facts: Facts) -> list[dict[str, Any]]:
    """Each condition with what it found, and whether it holds; all of them, also after the first that does not."""
    return [
        {"condition": dict(condition), "value": shown(condition, facts), "holds": holds(condition, facts)}
        for condition in conditions
    ]


def _value(condition: Condition, facts: Facts) -> Any:
    if CHANGED in condition:
        return fact(facts, "event.changed")
    value = fact(facts, condition["field"])
    return value is not None if condition["field"] in SECRET else value
