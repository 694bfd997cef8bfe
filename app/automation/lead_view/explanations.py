"""Explanations: decisions and steps in plain sentences. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from app.automation.lead_view import reasons
from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonObject
from app.engine.models import Reason
from app.engine.rules.conditions import single_conditions
from app.engine.rules.rule_evaluation import RuleVerdict

Decision = JsonObject

_TESTS: Final[Mapping[str, str]] = {
    "equals": "must be",
    "not_equals": "must not be",
    "contains": "must contain",
    "in": "must be one of",
    "not_in": "must be none of",
    "greater_than": "must be more than",
    "less_than": "must be less than",
    "days_since": "must be so many days ago:",
    "changed": "must have been changed:",
}


def of_decision(decision: Decision, event: str, calendar: Calendar) -> str:
    """Return the decision of a rule about an event, in one sentence."""
    version = f" (version {decision['version']})" if decision.get("version") else ""
    return f"{decision['rule']}{version} {_VERDICTS[decision['verdict']](decision, event, calendar)}"


def of_condition(condition: Decision, value: Any) -> str:
    """Return the requirement of a condition and the value that it found."""
    if "field" not in condition:  # in a group, the values are stored by the field of each part
        found = value or {}
        parts = (of_condition(part, found.get(part["field"])) for part in single_conditions(condition))
        return (" or " if "any" in condition else " and ").join(parts)
    wants = " and ".join(_asked(test, want) for test, want in condition.items() if test != "field")
    return f"{condition['field']} is {_said(value)}, but {wants}"


def of_step(step: Any, calendar: Calendar, users: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the state of a step, in one sentence. `users` has names by id, of those who changed the step."""
    at = local_time(step.finished_at or step.due_at, calendar)
    because = _result(step) or _because_of_step(step, users)
    return f"{step.kind} {_STATES[step.state]} {at}{because}{_moved(step.moves or (), calendar, users)}"


def _result(step: Any) -> str:
    """Return what came of a step that was to enroll the lead or to take it out, where it changed nothing."""
    words = _CHANGED_NOTHING.get((step.outcome or {}).get("result", ""))
    return f", but changed nothing: {words}" if words else ""


def users_of_step(step: Any) -> set[str]:
    """Return the ids of the users who changed a step by hand."""
    given = [step.outcome or {}, *(step.moves or ())]
    return {change["user_id"] for change in given if change.get("user_id")}


def _because_of_step(step: Any, users: Mapping[str, str]) -> str:
    if step.reason != Reason.BY_HAND:
        return _because(step.reason)
    if step.state in _OPEN:  # the last move names the user
        return ""
    name = users.get((step.outcome or {}).get("user_id", ""))
    return f" by {name}" if name else _because(step.reason)


def of_enrollment(enrollment: JsonObject, calendar: Calendar) -> str:
    """Return how an enrollment began and ended, in one sentence. It has the keys of `WhyEnrollmentOut`."""
    about = f" about {enrollment['about']}" if enrollment["about"] else ""
    began = f"enrolled in {enrollment['sequence']} (version {enrollment['version']}){about} by {_beginner(enrollment)}"
    because = _because(enrollment["reason"])
    if enrollment["ended_at"] is None:
        state = "is paused" if enrollment["state"] == "paused" else "is in it"
        return f"{began}; it {state}{because}."
    return f"{began}; it {enrollment['state']} on {local_time(enrollment['ended_at'], calendar)}{because}."


def _beginner(enrollment: JsonObject) -> str:
    name = enrollment["begun_by_name"]
    return f"the {enrollment['begun_by']} {name}" if name else f"a {enrollment['begun_by'].replace('_', ' ')}"


def _because(reason: str | None) -> str:
    return "" if reason is None else f" because {reasons.because(reason)}"


def _moved(moves: Sequence[JsonObject], calendar: Calendar, users: Mapping[str, str]) -> str:
    if not moves:
        return ""
    movers = " and ".join(dict.fromkeys(_mover(move, users) for move in moves))
    return f", moved from {local_time(moves[0]['from'], calendar)} by {movers}"


def _mover(move: JsonObject, users: Mapping[str, str]) -> str:
    return users.get(move.get("user_id", ""), "a user") if move["by"] == Reason.BY_HAND else reasons.mover(move["by"])


def local_time(at: datetime | str, calendar: Calendar) -> str:
    """Format an instant in the clinic's local time."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{calendar.local(instant):%a %-d %b %Y %H:%M %Z}"


# Results of enrolling the lead and of taking it out (`EnrollmentResult`), where nothing was changed.
_CHANGED_NOTHING: Final[Mapping[str, str]] = {
    EnrollmentResult.ALREADY_IN: "the lead is already in the sequence",
    EnrollmentResult.IN_ANOTHER: "the lead is in another sequence, and both are exclusive",
    EnrollmentResult.BEEN_BEFORE: "the lead has been in the sequence before",
    EnrollmentResult.TOO_SOON: "the lead left the sequence too short a time ago",
    EnrollmentResult.OPTED_OUT: "the lead opted out of all messages",
    EnrollmentResult.RESTRICTED: "processing is restricted at the lead's request",
    EnrollmentResult.LEAD_IS_OVER: "the lead was converted, lost or archived",
    EnrollmentResult.NO_SUCH_LEAD: "the lead no longer exists",
    EnrollmentResult.SEQUENCE_INACTIVE: "the sequence is inactive",
    "not_in": "the lead is not in the sequence",
}
_OPEN: Final = frozenset({"planned", "published"})
_STATES: Final[Mapping[str, str]] = {
    "planned": "is planned for",
    "published": "is planned for",
    "running": "has been running since",
    "done": "was done on",
    "skipped": "was skipped on",
    "cancelled": "was cancelled on",
    "failed": "failed on",
    "unknown": "was interrupted on",
}


def _matched(decision: Decision, event: str, calendar: Calendar) -> str:
    steps = "; ".join(_step(step, calendar) for step in decision["steps"])
    return f"acted on {event}: it planned {steps}."


def _step(step: Decision, calendar: Calendar) -> str:
    due = f"{step['kind']} for {local_time(step['due_at'], calendar)}"
    movers = " and ".join(reasons.mover(move["by"]) for move in step.get("moves", ()))
    return f"{due}, moved from {local_time(step['wanted_at'], calendar)} by {movers}" if movers else due


def _unmet(decision: Decision, event: str, _: Calendar) -> str:
    return f"did not act on {event}: {of_condition(decision['condition'], decision.get('value'))}."


def _loop(decision: Decision, event: str, _: Calendar) -> str:
    return f"did not act on {event}: it would trigger itself again ({' → '.join(decision.get('chain', ()))})."


def _did_not_act(words: str) -> Callable[[Decision, str, Calendar], str]:
    return lambda _, event, __: f"did not act on {event}: {words}."


_VERDICTS: Final[Mapping[str, Callable[[Decision, str, Calendar], str]]] = {
    RuleVerdict.MATCHED: _matched,
    RuleVerdict.UNMET: _unmet,
    RuleVerdict.LEAD_IS_OVER: _did_not_act("the lead was converted, lost or archived by then"),
    RuleVerdict.LOOP: _loop,
    RuleVerdict.TOO_DEEP: _did_not_act("too many rules had triggered one another before it"),
    RuleVerdict.NO_SUCH_DATE: _did_not_act("the date that it counts from is missing, in the past or out of range"),
}


def _asked(test: str, want: object) -> str:
    if test == "exists":
        return "must be there" if want else "must not be there"
    return f"{_TESTS.get(test, test)} {_said(want)}"


def _said(value: object) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "there" if value else "not there"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
