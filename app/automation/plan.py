"""From an event and the rules to steps with a due time. Pure: the same code runs a playbook and simulates it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.automation.calendar import Calendar
from app.automation.conditions import holds
from app.automation.durations import parse_duration
from app.automation.events import Event
from app.automation.models import Kind
from app.automation.rules import Action, Rule, RuleSet

OVER = frozenset({"CONVERTED", "LOST", "ARCHIVED"})  # nothing more happens with such a lead: its steps would be skipped


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a rule wants done, and when. `key` makes it the same step when it is planned again."""

    kind: Kind
    name: str
    due_at: datetime
    params: dict[str, Any]
    cause: dict[str, Any]
    guard: dict[str, Any] | None
    stop_on: tuple[str, ...]
    lateness: int | None
    key: str


def plan(rules: RuleSet, event: Event, calendar: Calendar) -> list[PlannedStep]:
    """The steps that the rules want because of the event: none for a lead that is over."""
    if event.facts["lead"].get("status") in OVER:
        return []
    return [
        step
        for rule in rules.listening_to(event.name)
        if all(holds(condition, event.facts) for condition in rule.when)
        for due_at in _due_times(rule, event, calendar)
        for step in _steps(rule, event, due_at, calendar)
    ]


def _due_times(rule: Rule, event: Event, calendar: Calendar) -> list[datetime]:
    """When the rule wants to act: mostly once; a reminder as often as the task asks for."""
    if rule.before_due is not None:
        return _reminders(rule.before_due, event)
    if rule.business_time:
        return [calendar.due_after(event.occurred_at, rule.after)]
    return [event.occurred_at + rule.after]


def _reminders(default: timedelta, event: Event) -> list[datetime]:
    task = event.facts["task"]
    own = task.get("reminder_minutes")
    ahead = [default] if own is None else [timedelta(minutes=minutes) for minutes in own]
    # At once when it is closer than that; several that are all past by now make one.
    return sorted({max(task["due_at"] - before, event.occurred_at) for before in ahead})


def _steps(rule: Rule, event: Event, due_at: datetime, calendar: Calendar) -> Iterator[PlannedStep]:
    for i, action in enumerate(rule.actions):
        when = _allowed(action, event, due_at, calendar)
        yield PlannedStep(
            kind=action.kind,
            name=rule.slug,
            due_at=when,
            params=_params(action, event, when, calendar),
            cause=_cause(rule, event),
            guard=rule.guard,
            stop_on=rule.stop_on,
            lateness=_seconds(rule.skip_when_later_than),
            key=":".join((rule.slug, str(i), event.name, str(event.subject_id), event.key, _offset(rule, due_at))),
        )


def _allowed(action: Action, event: Event, due_at: datetime, calendar: Calendar) -> datetime:
    """Nobody is written to in the quiet hours of where they are, unless they wait for it (a confirmation)."""
    if action.kind is Kind.SEND_MESSAGE and not action.settings.get("transactional"):
        zone = event.facts["lead"].get("timezone")
        return calendar.next_allowed(due_at, [ZoneInfo(zone)] if zone else ())
    return due_at


def _params(action: Action, event: Event, due_at: datetime, calendar: Calendar) -> dict[str, Any]:
    params = dict(action.settings)
    if action.kind is Kind.CREATE_TASK:
        params["task_due_at"] = _task_due(params.pop("due", {}), due_at, calendar).isoformat()
    if event.is_about_a_task:
        params["task_id"] = str(event.subject_id)
        params.setdefault("task_due_at", event.facts["task"]["due_at"].isoformat())  # a task to be made has its own
    if (scheduled_for := event.facts.get("event", {}).get("scheduled_for")) is not None:
        params["scheduled_for"] = scheduled_for.isoformat()
    return params


def _task_due(due: dict[str, str], made_at: datetime, calendar: Calendar) -> datetime:
    after = parse_duration(due.get("after", "0 seconds"))
    return calendar.due_after(made_at, after) if due.get("clock") == "business" else made_at + after


def _cause(rule: Rule, event: Event) -> dict[str, Any]:
    return {
        "rule": rule.slug,
        "rule_id": rule.id and str(rule.id),
        "rule_version": rule.version,
        "event": event.name,
        "subject_id": str(event.subject_id),
        "occurred_at": event.occurred_at.isoformat(),
    }


def _offset(rule: Rule, due_at: datetime) -> str:
    return "" if rule.before_due is None else due_at.isoformat()


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
