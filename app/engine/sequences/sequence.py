"""Sequences: parse sequence definitions (YAML, JSON) into objects. `progression` walks through the steps. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from app.core.calendar.durations import parse_duration
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import EventName, expand_event_name, stop_reason
from app.engine.models import Kind
from app.engine.rules.conditions import Condition
from app.engine.rules.rules import DEFAULT_PRIORITY, IMMEDIATELY, Rule, read_rule
from app.engine.rules.timing import Timing
from app.engine.step_kind import STEP_KINDS

END: Final = "end"  # value of `next` that ends the sequence
DEFAULT_EXITS: Final = (
    *(EventName.LEAD_REPLIED, EventName.LEAD_OPTED_OUT, EventName.LEAD_CONVERTED, EventName.LEAD_LOST),
    *(EventName.MESSAGE_BOUNCED, EventName.CONSULTATION_SCHEDULED),
)


class ExitReason(StrEnum):
    """Reasons why a lead left a sequence before its end."""

    REPLIED = "replied"
    MEETING_BOOKED = "meeting_booked"
    OPTED_OUT = "opted_out"
    BOUNCED = "bounced"
    NO_ADDRESS = "no_address"  # the lead has none for the channel of a message
    SUPPRESSED = "suppressed"  # the address is on the clinic's suppression list
    INVALID_ADDRESS = "invalid_address"
    CONVERTED = "converted"
    LOST = "lost"
    ARCHIVED = "archived"
    COLLEAGUE_REPLIED = "colleague_replied"  # a lead with the same `exit_on_colleague` value replied
    GOAL = "goal"  # the goal of the sequence was reached
    STOPPED = "stopped"  # another event in the sequence's `exit_on`
    BY_HAND = "by_hand"
    UNENROLLED = "unenrolled"  # by a rule's action
    MERGED = "merged"  # the lead was merged into another lead that is in the same sequence
    ERASED = "erased"
    RESTRICTED = "restricted"
    SEQUENCE_DELETED = "sequence_deleted"


EXIT_BY_EVENT: Final[Mapping[str, ExitReason]] = {
    EventName.LEAD_REPLIED: ExitReason.REPLIED,
    EventName.CONSULTATION_SCHEDULED: ExitReason.MEETING_BOOKED,
    EventName.LEAD_OPTED_OUT: ExitReason.OPTED_OUT,
    EventName.MESSAGE_BOUNCED: ExitReason.BOUNCED,
    EventName.LEAD_CONVERTED: ExitReason.CONVERTED,
    EventName.LEAD_LOST: ExitReason.LOST,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of a message, with its relative weight (A/B test)."""

    name: str
    weight: int
    settings: JsonObject


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """A step of a sequence: its action and the wait since the previous step.

    `next_name` names the next step if it is not the next in order.
    """

    name: str
    kind: str
    settings: JsonObject
    timing: Timing = IMMEDIATELY
    only_if: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    skip_when_later_than: timedelta | None = None
    next_name: str | None = None
    ways: Mapping[str, str] = field(default_factory=dict)  # of a branch: step names by `then` and `else`
    variants: tuple[Variant, ...] = ()
    waits_for_task: bool = False

    @property
    def guard(self) -> JsonDict | None:
        """Conditions that are checked when the step is due."""
        guard = {"only_if": list(self.only_if), "unless": list(self.unless)}
        return {name: conditions for name, conditions in guard.items() if conditions} or None


@dataclass(frozen=True, slots=True)
class ReEntry:
    """Whether a lead may enter the sequence again. `after` is the minimum time since the last enrollment ended."""

    is_allowed: bool = False
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Sequence:
    """One version of a sequence. Steps refer only to later steps, so every path ends."""

    slug: str
    steps: tuple[SequenceStep, ...]
    trigger: Rule | None = None
    exit_on: tuple[str, ...] = DEFAULT_EXITS
    goal: tuple[str, ...] = ()
    is_exclusive: bool = False
    re_entry: ReEntry = ReEntry()
    priority: int = DEFAULT_PRIORITY
    label: str | None = None
    colleague_key: str | None = None
    key: str | None = None  # path of the event's value that says what an enrollment is about
    id: UUID | None = None
    version: int = 1

    @property
    def first(self) -> SequenceStep:
        """The first step."""
        return self.steps[0]

    @property
    def stop_on(self) -> tuple[str, ...]:
        """Events that cancel a planned step: those in `exit_on` and `goal` that can cancel steps."""
        return _stopping(self.exit_on + self.goal)

    def step(self, name: str) -> SequenceStep:
        """Return the step of that name. Raises StopIteration if there is none."""
        return next(step for step in self.steps if step.name == name)

    def after(self, name: str, way: str | None = None) -> SequenceStep | None:
        """Return the step that follows `name`, on path `way` if it branches; None after the last step."""
        step = self.step(name)
        wanted = step.ways.get(way, None) if way else step.next_name
        if wanted == END:
            return None
        if wanted is not None:
            return self.step(wanted)
        later = self.steps[self.steps.index(step) + 1 :]
        return later[0] if later else None


@lru_cache(maxsize=1024)
def _stopping(events: tuple[str, ...]) -> tuple[str, ...]:
    """Return the events among these that can cancel steps, sorted."""
    return tuple(sorted({event for event in events if stop_reason(event)}))


def trigger_name(slug: str) -> str:
    """Return the name of the rule that enrolls leads into a sequence. Rules of users cannot have such a name."""
    return f"sequence:{slug}"


def read_sequence(definition: JsonObject, *, id: UUID | None = None, version: int = 1) -> Sequence:  # noqa: A002
    """Parse a definition that `check_sequence` accepted."""
    exits = _events(definition.get("exit_on", DEFAULT_EXITS))
    return Sequence(
        slug=definition["name"],
        steps=tuple(_read_step(step) for step in definition["steps"]),
        trigger=_trigger(definition, exits, id, version),
        exit_on=exits,
        goal=_events(definition.get("goal", ())),
        is_exclusive=definition.get("exclusive", False),
        re_entry=_re_entry(definition.get("re_entry", "never")),
        priority=definition.get("priority", DEFAULT_PRIORITY),
        label=(definition.get("label") or "").lower() or None,  # stored like tags
        colleague_key=(definition.get("exit_on_colleague") or "").removeprefix("custom.") or None,
        key=definition.get("key"),
        id=id,
        version=version,
    )


def action_in(step: JsonObject) -> str:
    """Return the step kind that a step names, beside its other parts."""
    return next(key for key in step if key in STEP_KINDS)


def _read_step(written: JsonObject) -> SequenceStep:
    kind = action_in(written)
    settings = dict(written[kind])
    variants = tuple(_read_variant(one) for one in settings.pop("variants", ()))
    holds = settings.pop("wait_for", None) is not None
    settings.pop("winner", None)  # of the test, not of the message
    ways = {way: settings.pop(way) for way in ("then", "else") if way in settings} if kind == Kind.BRANCH else {}
    later = written.get("skip_when_later_than")
    return SequenceStep(
        name=written["name"],
        kind=kind,
        settings=settings,
        timing=Timing.read(written.get("after", "0 seconds")),
        only_if=tuple(written.get("only_if", ())),
        unless=tuple(written.get("unless", ())),
        skip_when_later_than=None if later is None else parse_duration(later),
        next_name=written.get("next"),
        ways=ways,
        variants=variants,
        waits_for_task=holds,
    )


def _read_variant(written: JsonObject) -> Variant:
    settings = {name: value for name, value in written.items() if name not in {"name", "weight"}}
    return Variant(written["name"], written.get("weight", 1), settings)


def _trigger(definition: JsonObject, exits: tuple[str, ...], id: UUID | None, version: int) -> Rule | None:  # noqa: A002
    """Return the rule that enrolls leads. Events that end an enrollment also cancel a waiting enrollment."""
    enroll = definition.get("enroll")
    if enroll is None:
        return None
    slug = definition["name"]
    written = {
        **enroll,
        "name": trigger_name(slug),
        "priority": definition.get("priority", DEFAULT_PRIORITY),
        "stop_on": [event for event in exits if stop_reason(event)],
        "do": [{Kind.ENROLL: {"sequence": slug, **({"key": definition["key"]} if "key" in definition else {})}}],
    }
    return read_rule(written, id=id, version=version)


def _re_entry(written: str | Mapping[str, str]) -> ReEntry:
    if isinstance(written, str):
        return ReEntry(is_allowed=written == "after_exit")
    return ReEntry(is_allowed=True, after=parse_duration(written["after"]))


def _events(words: Any) -> tuple[str, ...]:
    listed = [words] if isinstance(words, str) else words
    return tuple(dict.fromkeys(str(event) for word in listed for event in expand_event_name(word)))
