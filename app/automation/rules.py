"""Rules as they are written (YAML, JSON) and as they are used.

A rule reads like a sentence:

*on* an event, *when* conditions hold, *after* a delay, *only_if* / *unless* (checked when due), *do* actions,
*stop_on* events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.automation.conditions import Condition
from app.automation.durations import parse_duration
from app.automation.models import Kind


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: a step kind and its settings."""

    kind: Kind
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to be matched. `before_due` counts back from the task's due time; else `after` the event."""

    slug: str
    on: frozenset[str]
    actions: tuple[Action, ...]
    when: tuple[Condition, ...] = ()
    after: timedelta = timedelta()
    business_time: bool = False
    before_due: timedelta | None = None
    only_if: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    stop_on: tuple[str, ...] = ()
    skip_when_later_than: timedelta | None = None
    id: UUID | None = None
    version: int = 1

    @property
    def guard(self) -> dict[str, Any] | None:
        """What is checked again when a step of this rule is due."""
        guard = {"only_if": list(self.only_if), "unless": list(self.unless)}
        return {name: conditions for name, conditions in guard.items() if conditions} or None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A clinic's active rules, found by event rather than by trying all."""

    by_event: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    slugs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "RuleSet":
        """Index the rules by the events they listen to."""
        by_event: dict[str, tuple[Rule, ...]] = {}
        rules = tuple(rules)
        for rule in rules:
            for event in rule.on:
                by_event[event] = (*by_event.get(event, ()), rule)
        return cls(by_event, frozenset(rule.slug for rule in rules))

    def listening_to(self, event: str) -> tuple[Rule, ...]:
        """The rules that an event may set off."""
        return self.by_event.get(event, ())


def read_rule(definition: Mapping[str, Any], *, id: UUID | None = None, version: int = 1) -> Rule:  # noqa: A002
    """The rule of a definition that `playbooks.check` found right."""
    after = definition.get("after", "0 seconds")
    wait = after if isinstance(after, Mapping) else {"time": after}
    return Rule(
        slug=definition["name"],
        on=frozenset(_listed(definition["on"])),
        actions=tuple(Action(Kind(kind), settings) for do in definition["do"] for kind, settings in do.items()),
        when=tuple(definition.get("when", ())),
        after=parse_duration(wait["time"]),
        business_time=wait.get("clock") == "business",
        before_due=_duration(definition.get("before_due")),
        only_if=tuple(definition.get("only_if", ())),
        unless=tuple(definition.get("unless", ())),
        stop_on=tuple(definition.get("stop_on", ())),
        skip_when_later_than=_duration(definition.get("skip_when_later_than")),
        id=id,
        version=version,
    )


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
