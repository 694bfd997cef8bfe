"""Rules: parse rule definitions (YAML, JSON) into objects that the planner uses.

A rule reads like a sentence:

*on* an event, *when* conditions hold, *after* a delay, *only_if* / *unless* (checked when due), *do* actions, *stop_on*
events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.core.calendar.durations import Wait, parse_duration, parse_wait
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import DATE_REACHED, expand_event_name
from app.engine.rules.conditions import Condition, looked_up, single_conditions
from app.engine.rules.stop_events import stop_events
from app.engine.rules.timing import BEST_HOURS, Timing
from app.engine.step_kind import STEP_KINDS

IMMEDIATELY = Timing()
DEFAULT_PRIORITY = 100  # default priority; 1 is the highest


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a rule: a step kind, its settings, and the events that cancel its step."""

    kind: str
    settings: JsonObject
    stop_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule. `before_due` counts back from the task's due time; otherwise `timing` sets the due time."""

    slug: str
    on: frozenset[str]
    actions: tuple[Action, ...]
    when: tuple[Condition, ...] = ()
    timing: Timing = IMMEDIATELY
    before_due: timedelta | None = None
    every: Wait | None = None
    only_if: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    skip_when_later_than: timedelta | None = None
    priority: int = DEFAULT_PRIORITY
    awaits_a_date: bool = False
    id: UUID | None = None
    version: int = 1

    @property
    def guard(self) -> JsonDict | None:
        """Conditions that are checked again when a step of this rule is due."""
        guard = {"only_if": list(self.only_if), "unless": list(self.unless)}
        return {name: conditions for name, conditions in guard.items() if conditions} or None

    @property
    def required_facts(self) -> frozenset[str]:
        """Names of the lead facts that must be fetched when an event happens, such as `tags`."""
        asked = {leaf["field"] for condition in self.when for leaf in single_conditions(condition)}
        dated = {self.timing.of} if self.timing.of else set()
        return looked_up(frozenset(asked | dated | ({BEST_HOURS} if self.timing.at_best_time else set())))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A clinic's active rules, indexed by event and ordered by priority."""

    by_event: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    required_facts_by_event: Mapping[str, frozenset[str]] = field(default_factory=dict)
    slugs: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()  # paused by the engine: their pending steps wait
    inactive: frozenset[str] = frozenset()  # inactive, but not deleted

    @classmethod
    def of(
        cls, rules: Iterable[Rule], *, paused: frozenset[str] = frozenset(), inactive: frozenset[str] = frozenset()
    ) -> "RuleSet":
        """Index the rules by the events they listen to."""
        by_event: dict[str, tuple[Rule, ...]] = {}
        rules = sorted(rules, key=lambda rule: rule.priority)  # stable sort: equal priorities stay ordered by age
        for rule in rules:
            for event in rule.on:
                by_event[event] = (*by_event.get(event, ()), rule)
        asked = {event: frozenset().union(*(rule.required_facts for rule in some)) for event, some in by_event.items()}
        return cls(by_event, asked, frozenset(rule.slug for rule in rules), paused, inactive)

    def listening_to(self, event: str) -> tuple[Rule, ...]:
        """Return the rules that listen to an event."""
        return self.by_event.get(event, ())

    def required_facts_of(self, event: str) -> frozenset[str]:
        """Return the names of lead facts that these rules need and that the event does not carry."""
        return self.required_facts_by_event.get(event, frozenset())


def read_rule(definition: JsonObject, *, id: UUID | None = None, version: int = 1) -> Rule:  # noqa: A002
    """Parse a definition that `check_rule` accepted."""
    every = definition.get("every")
    return Rule(
        slug=definition["name"],
        on=_events(definition["on"]),
        actions=tuple(_action(definition, *action) for do in definition["do"] for action in do.items()),
        when=tuple(definition.get("when", ())),
        timing=_timing(definition),
        before_due=_duration(definition.get("before_due")),
        every=None if every is None else parse_wait(every),
        only_if=tuple(definition.get("only_if", ())),
        unless=tuple(definition.get("unless", ())),
        skip_when_later_than=_duration(definition.get("skip_when_later_than")),
        priority=definition.get("priority", DEFAULT_PRIORITY),
        awaits_a_date=DATE_REACHED in _listed(definition["on"]),
        id=id,
        version=version,
    )


def _action(definition: JsonObject, kind: str, settings: JsonObject) -> Action:
    """Raises UnknownStepKind."""
    return Action(STEP_KINDS[kind].name, settings, stop_events(definition.get("stop_on"), kind, settings))


def _timing(definition: JsonObject) -> Timing:
    if "before" in definition:
        return Timing.read(definition["before"], is_before=True)
    return Timing.read(definition.get("after", "0 seconds"))


def _events(words: str | list[str]) -> frozenset[str]:
    return frozenset(event for word in _listed(words) for event in expand_event_name(word))


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
