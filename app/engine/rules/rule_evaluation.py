"""Rule decisions: how a rule decided about an event, and why. Stored in the event log. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Facts
from app.engine.rules.conditions import CHANGED, Condition, fact, holds, single_conditions
from app.engine.rules.rules import Rule
from app.engine.rules.timing import Due

PERSONAL_FIELDS = frozenset({"lead.email", "lead.phone"})  # personal data: only their presence is stored


class RuleVerdict(StrEnum):
    MATCHED = "matched"  # steps were planned
    UNMET = "unmet"  # a condition was not met
    LEAD_IS_OVER = "lead_is_over"  # the lead is converted, lost or archived, and the event does not concern that
    LOOP = "loop"  # the rule itself caused the event
    TOO_DEEP = "too_deep"  # ten steps in a row were caused by rules, without a person
    NO_SUCH_DATE = "no_such_date"  # the date to count from is missing or past


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of one rule.

    `details` holds the unmet condition and its value, the chain, or the due times and their shifts.
    """

    rule: Rule
    verdict: RuleVerdict
    details: JsonObject

    def as_json(self) -> JsonDict:
        """Return the JSON form for the event log."""
        return {
            "rule": self.rule.slug,
            "rule_id": self.rule.id,
            "version": self.rule.version,
            "verdict": self.verdict,
            **self.details,
        }


def matched(rule: Rule, wanted: Sequence[tuple[str, Due]]) -> Decision:
    """Return the decision of a rule that plans steps of these kinds at these times."""
    return Decision(rule, RuleVerdict.MATCHED, {"steps": [_step(kind, due) for kind, due in wanted]})


def _step(kind: str, due: Due) -> JsonDict:
    step = {"kind": kind, "due_at": due.at}
    moved = {"wanted_at": due.wanted, "moves": [move._asdict() for move in due.moves]}
    return step | moved if due.moves else step


def unmet(rule: Rule, condition: Condition, facts: Facts) -> Decision:
    """Return the decision of a rule if this condition is not met."""
    return Decision(rule, RuleVerdict.UNMET, {"condition": dict(condition), "value": tested_value(condition, facts)})


def tested_value(condition: Condition, facts: Facts) -> object:
    """Return the value that the condition tested. For a group, return the values by field."""
    parts = list(single_conditions(condition))
    values = {part["field"]: _value(part, facts) for part in parts}
    return values if "field" not in condition else values[condition["field"]]


def evaluate_conditions(conditions: tuple[Condition, ...], facts: Facts) -> list[JsonDict]:
    """Return each condition with its value and result, including those after the first unmet one.

    Keys: `condition`, `value`, `holds`.
    """
    return [
        {"condition": dict(condition), "value": tested_value(condition, facts), "holds": holds(condition, facts)}
        for condition in conditions
    ]


def _value(condition: Condition, facts: Facts) -> object:
    if CHANGED in condition:
        return fact(facts, "event.changed")
    value = fact(facts, condition["field"])
    return value is not None if condition["field"] in PERSONAL_FIELDS else value
