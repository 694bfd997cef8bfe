"""Planner: from an event and the rules to steps with due times. Pure: the engine and the simulation share it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.clock import is_in_range
from app.core.calendar.calendar import Calendar
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.events.events import DATE_REACHED, OF_MANY, STATUS_AFTER_CLOSING, Event, Facts
from app.engine.events.keys import key_at
from app.engine.models import BegunBy
from app.engine.rules.conditions import Condition, fact, holds
from app.engine.rules.rule_evaluation import Decision, RuleVerdict, matched, unmet
from app.engine.rules.rules import DEFAULT_PRIORITY, Action, Rule, RuleSet
from app.engine.rules.timing import BEST_HOURS, Due, LocalClock, at_best_time, due_time
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.guard import CLOSED_STATUSES
from app.engine.steps.moves import moves_of_plan

MAX_CHAIN_DEPTH: Final = 10  # steps caused by steps, without a person in between


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step to plan. `key` deduplicates steps that are planned again; None if it is planned only once."""

    kind: str
    name: str
    due_at: datetime
    params: JsonDict
    cause: JsonDict
    guard: JsonDict | None
    stop_on: tuple[str, ...]
    lateness: int | None
    key: str | None
    begun_by: BegunBy
    moves: list[JsonDict] | None = None  # what moved the due time, as in `steps`

    @property
    def columns(self) -> ColumnDict:
        """The columns of the step's row that the plan sets."""
        return {
            "kind": self.kind,
            "name": self.name,
            "due_at": self.due_at,
            "params": self.params,
            "cause": self.cause,
            "guard": self.guard,
            "stop_on": self.stop_on,
            "lateness": self.lateness,
            "dedupe_key": self.key,
            "begun_by": self.begun_by,
            "moves": self.moves,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of an event: the steps to plan, and the decision of each listening rule."""

    steps: tuple[PlannedStep, ...]
    decisions: tuple[Decision, ...]


def plan(rules: RuleSet, event: Event, calendar: Calendar) -> Plan:
    """Return the steps and decisions for the event. Every listening rule decides once, also against a step."""
    steps: list[PlannedStep] = []
    decisions: list[Decision] = []
    if listening := rules.listening_to(event.name):
        context = _event_context(event, calendar)
        for rule in listening:
            decision, wanted = _decide(rule, context)
            decisions.append(decision)
            steps += wanted
    return Plan(tuple(steps), tuple(decisions))


class _EventContext(NamedTuple):
    """An event, and the values shared by all rules that listen to it."""

    event: Event
    facts: Facts
    calendar: Calendar
    cause: JsonObject  # cause of the planned steps, without the rule's part
    key: str


def _event_context(event: Event, calendar: Calendar) -> _EventContext:
    facts = {**event.facts, "now": {"at": calendar.local(event.occurred_at)}}
    subject_id, status = str(event.subject_id), event.facts["lead"].get("status", "")
    cause: JsonDict = {
        "event": event.name,
        "event_id": str(event.id),
        "subject_id": subject_id,
        "occurred_at": event.occurred_at.isoformat(),
    }
    if event.of_many:
        cause[OF_MANY] = True
    if status in CLOSED_STATUSES:
        cause["lead_status"] = status  # the closing status that planned the step: see `guard`
    return _EventContext(event, facts, calendar, cause, event.identity)


def _decide(rule: Rule, context: _EventContext) -> tuple[Decision, list[PlannedStep]]:
    event, facts = context.event, context.facts
    if refusal := _refusal(rule, event):
        return Decision(rule, refusal, {"chain": event.chain.rules} if event.chain.rules else {}), []
    for condition in rule.when:
        if not holds(condition, facts):
            return unmet(rule, condition, facts), []
    dues = _due_times(rule, context)
    if not dues:
        return Decision(rule, RuleVerdict.NO_SUCH_DATE, {"of": rule.timing.of}), []
    steps = [planned for due in dues for planned in _steps(rule, context, due)]
    return matched(rule, [(step.kind, due) for step, due in steps]), [step for step, _ in steps]


def _refusal(rule: Rule, event: Event) -> RuleVerdict | None:
    """Return why a listening rule does not test its conditions, or None."""
    status = event.facts["lead"].get("status", "")
    if status in CLOSED_STATUSES and not _acts_on_closed_lead(event, status):
        return RuleVerdict.LEAD_IS_OVER
    if rule.slug in event.chain.rules:
        return RuleVerdict.LOOP
    return RuleVerdict.TOO_DEEP if event.chain.depth >= MAX_CHAIN_DEPTH else None


def _acts_on_closed_lead(event: Event, status: str) -> bool:
    """Whether the event closed the lead, or concerns a task created after that. Closing closes earlier tasks."""
    return STATUS_AFTER_CLOSING.get(event.name) == status or (
        event.is_about_a_task and status in STATUS_AFTER_CLOSING.values()
    )


def _due_times(rule: Rule, context: _EventContext) -> list[Due]:
    """Return the due times: usually one; several for task reminders; none without the rule's date."""
    event, calendar = context.event, context.calendar
    if rule.before_due is not None:
        return _reminders(rule.before_due, event)
    anchor = _anchor(rule, event, context.facts)
    if anchor is None:
        return []
    clock = LocalClock(calendar, _zone(rule.timing.zone, event, calendar))
    due = due_time(rule.timing, anchor, event.occurred_at, clock)
    if due and rule.timing.at_best_time:
        local = LocalClock(calendar, _zone("lead", event, calendar))
        hours = fact(context.facts, BEST_HOURS)
        due = at_best_time(due, hours if isinstance(hours, list) else [], local)
    return [due] if due else []


def due_counted_from(rule: Rule, start: datetime, calendar: Calendar, *, zone: str | None) -> datetime | None:
    """Return the due time of a rule that waits, counted from `start` instead of the event. `zone` is the lead's.

    None if the rule does not wait, or does not count from its event, or recurs.
    """
    timing = rule.timing
    if not timing.wait or timing.of is not None or rule.before_due is not None or rule.every is not None:
        return None
    local = ZoneInfo(zone) if zone and timing.zone == "lead" else calendar.zone
    due = due_time(timing, start, start, LocalClock(calendar, local))
    return due and due.at


def _anchor(rule: Rule, event: Event, facts: Facts) -> date | datetime | None:
    """Return the time that the wait counts from; None if the event has no such date."""
    if rule.timing.of is None:
        return event.occurred_at
    value = fact(facts, rule.timing.of)
    if isinstance(value, str):  # a custom field, or data of a custom event
        try:
            value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and _can_count_from(value) else None


def _can_count_from(day: date) -> bool:
    """Return whether a due time can be computed from a date or an instant. Custom events may send any date."""
    return is_in_range(day) and (not isinstance(day, datetime) or day.tzinfo is not None)


def _zone(name: str, event: Event, calendar: Calendar) -> ZoneInfo:
    own = event.facts["lead"].get("timezone") if name == "lead" else None
    return ZoneInfo(own) if own else calendar.zone


def _reminders(default: timedelta, event: Event) -> list[Due]:
    task = event.facts["task"]
    own = task.get("reminder_minutes")
    ahead = [default] if own is None else [timedelta(minutes=minutes) for minutes in own]
    # A reminder time that is already past runs at once. Several past ones make one reminder.
    times = sorted({max(task["due_at"] - before, event.occurred_at) for before in ahead})
    return [Due(time) for time in times]


def _steps(rule: Rule, context: _EventContext, due: Due) -> Iterator[tuple[PlannedStep, Due]]:
    event, calendar = context.event, context.calendar
    cause, guard, moment = _cause(rule, context), _guard(rule, event), _moment(rule, context)
    for i, action in enumerate(rule.actions):
        when = _allowed(action, event, due, calendar)
        step = PlannedStep(
            kind=action.kind,
            name=rule.slug,
            due_at=when.at,
            params=_params(action, event, when.at, calendar),
            cause={**_cause_of_action(action, cause, event), **_repeated(cause, when)},
            guard=guard,
            stop_on=action.stop_on,
            lateness=_seconds(rule.skip_when_later_than),
            key=f"{rule.slug}:{i}:{moment}:{_offset(rule, due.at)}",
            begun_by=BegunBy.RULE,
            moves=moves_of_plan(when),
        )
        yield step, when


def _moment(rule: Rule, context: _EventContext) -> str:
    """Return the event's part of the key: this event, or this date of the lead however often it is saved."""
    if rule.awaits_a_date and rule.timing.of:
        event = context.event
        return f"{DATE_REACHED}:{event.lead_id}:{fact(event.facts, rule.timing.of)}"
    return context.key


def _guard(rule: Rule, event: Event) -> JsonDict | None:
    """Return the rule's guard. A rule on a date also checks that the lead's date is unchanged."""
    if not rule.awaits_a_date or rule.timing.of is None:
        return rule.guard
    still: Condition = {"field": rule.timing.of, "equals": fact(event.facts, rule.timing.of)}
    return {**(rule.guard or {}), "only_if": [*rule.only_if, still]}


def _allowed(action: Action, event: Event, due: Due, calendar: Calendar) -> Due:
    zone = event.facts["lead"].get("timezone")
    own = ZoneInfo(zone) if zone else None
    return out_of_quiet_hours(due, action.kind, action.settings, calendar=calendar, zone=own)


def out_of_quiet_hours(due: Due, kind: str, settings: JsonObject, *, calendar: Calendar, zone: ZoneInfo | None) -> Due:
    """Shift a message out of the recipient's quiet hours, unless it is transactional (a confirmation)."""
    if not STEP_KINDS[kind].writes_to_lead or settings.get("transactional"):
        return due
    return due.moved("quiet_hours", calendar.next_allowed(due.at, [zone] if zone else ()))


def _params(action: Action, event: Event, due_at: datetime, calendar: Calendar) -> JsonDict:
    params = STEP_KINDS[action.kind].step_params(action.settings, due_at, calendar)
    if event.is_about_a_task:
        params["task_id"] = str(event.subject_id)
        params.setdefault("task_due_at", event.facts["task"]["due_at"].isoformat())  # CREATE_TASK steps have their own
    if (scheduled_for := event.facts.get("event", {}).get("scheduled_for")) is not None:
        params["scheduled_for"] = scheduled_for.isoformat()
    return params


def _cause(rule: Rule, context: _EventContext) -> JsonDict:
    event = context.event
    cause = {
        **context.cause,
        "rule": rule.slug,
        "rule_id": rule.id and str(rule.id),
        "rule_version": rule.version,
        "chain": event.chain.followed_by(rule.slug, context.cause["event_id"]),
        **event.chain.request,
    }
    if rule.priority != DEFAULT_PRIORITY:
        cause["priority"] = rule.priority
    if rule.every:
        own = event.facts["lead"].get("timezone") if rule.timing.zone == "lead" else None
        cause["every"] = {"time": str(rule.every), **({"zone": own} if own else {})}
    return cause


def _cause_of_action(action: Action, cause: JsonDict, event: Event) -> JsonDict:
    """Add what the event is about, for actions that look for the enrollment or the tasks of that."""
    keys = event.keys if STEP_KINDS[action.kind].reads_keys else None
    if keys is None:
        return cause
    own = key_at(action.settings["key"], keys) if "key" in action.settings else None
    return {**cause, "keys": keys, **({"key": own} if own else {})}


def _repeated(cause: JsonObject, due: Due) -> JsonDict:
    return {"every": {**cause["every"], "due_at": due.at.isoformat()}} if "every" in cause else {}


def _offset(rule: Rule, due_at: datetime) -> str:
    return "" if rule.before_due is None else due_at.isoformat()


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
