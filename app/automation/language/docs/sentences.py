"""Rules and sequences in plain sentences, for users who do not write rules. Pure.

Each function takes a part of a valid definition. The sentences are short enough for a diagram. They have no effect on
the engine.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from app.core.calendar.durations import format_duration, parse_wait
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.events.keys import key_name
from app.engine.rules.stop_events import DEFAULT_STOPS, stop_events
from app.engine.rules.timing import BEST_TIME
from app.engine.sequences.sequence import action_in
from app.engine.step_kind import STEP_KINDS
from app.messaging.channels.registry import CHANNELS

Written = JsonObject

EVENTS: Final[Mapping[str, str]] = {
    EventName.LEAD_CREATED: "a lead is created",
    EventName.LEAD_UPDATED: "a lead is changed",
    EventName.LEAD_ASSIGNED: "a lead is assigned",
    EventName.LEAD_STAGE_CHANGED: "a lead moves to another stage",
    EventName.LEAD_CONTACTED: "a user is in contact with the lead",
    EventName.LEAD_REPLIED: "the lead replies",
    EventName.LEAD_ATTEMPT_FAILED: "an attempt to reach the lead fails",
    EventName.LEAD_OPTED_OUT: "the lead opts out",
    EventName.LEAD_SCORED: "a lead's score changes",
    EventName.LEAD_CONVERTED: "the lead is converted",
    EventName.LEAD_LOST: "the lead is lost",
    EventName.LEAD_REOPENED: "a lost lead is reopened",
    EventName.LEAD_MERGED: "a duplicate is merged into the lead",
    EventName.LEAD_STALE: "nothing happens with a lead for too long",
    EventName.LEAD_STAGE_OVERDUE: "a lead stays in its stage for too long",
    EventName.LEAD_WITHOUT_NEXT_ACTION: "a lead has nothing planned",
    EventName.ACTIVITY_LOGGED: "an activity is logged for the lead",
    EventName.TASK_CREATED: "a task is created",
    EventName.TASK_RETIMED: "the task is rescheduled",
    EventName.TASK_SNOOZED: "a task is snoozed",
    EventName.TASK_COMPLETED: "a task is completed",
    EventName.TASK_CANCELLED: "the task is cancelled",
    EventName.TASK_OVERDUE: "a task is overdue",
    EventName.CONSULTATION_SCHEDULED: "a consultation is booked",
    EventName.CONSULTATION_COMPLETED: "a consultation is completed",
    EventName.CONSULTATION_MISSED: "a consultation is missed",
    EventName.QUOTE_SENT: "a quote is sent",
    EventName.ESTIMATE_CREATED: "an estimate is created",
    EventName.MESSAGE_SENT: "a message is sent",
    EventName.MESSAGE_DELIVERED: "a message is delivered",
    EventName.MESSAGE_OPENED: "a message is opened",
    EventName.MESSAGE_CLICKED: "a link in a message is clicked",
    EventName.MESSAGE_BOUNCED: "a message bounces",
    EventName.MESSAGE_FAILED: "a message fails",
    "lead.stage_entered": "a lead enters a stage",
    "lead.stage_left": "the lead leaves the stage",
    "date.reached": "a date of the lead is reached",
}
_CUSTOM: Final = "custom."  # prefix of the custom events of integrators

# Names of fields in sentences, where the key alone would be unclear.
_NAMES: Final[Mapping[str, str]] = {
    "lead.contacted_at": "last contact",
    "lead.replied_at": "last reply",
    "lead.pipeline_stage": "stage",
    "lead.failed_attempts": "number of failed attempts in a row",
    "event.previous_stage": "stage before",
    "event.previous_score": "score before",
}
# Sentences for a field that has a value, and that has none.
_THERE: Final[Mapping[str, tuple[str, str]]] = {
    "lead.contacted_at": ("a user has been in contact with the lead", "no user has been in contact with the lead"),
    "lead.replied_at": ("the lead has replied", "the lead has not replied"),
    "lead.opted_out_at": ("the lead has opted out", "the lead has not opted out"),
    "lead.assigned_to_id": ("the lead is assigned", "the lead is not assigned"),
    "lead.lost_suggested_at": (
        "closing it as lost was or will be suggested",
        "closing it as lost was not suggested yet",
    ),
    "lead.next_follow_up_at": ("the lead has an open task", "the lead has no open task"),
    "event.changed": ("something was changed", "it is new"),
}
# Sentences for fields that are true or false, when true.
_TRUTHS: Final[Mapping[str, str]] = {
    "since.contacted": "a user was in contact with the lead meanwhile",
    "since.replied": "the lead replied meanwhile",
    "enrollment.opened": "one of the messages was opened",
    "enrollment.clicked": "a link in one of the messages was clicked",
    "enrollment.replied": "the lead replied",
    "enrollment.last_opened": "the last message was opened",
    "enrollment.last_clicked": "a link in the last message was clicked",
}
_TESTS: Final[Mapping[str, str]] = {
    "equals": "is",
    "not_equals": "is not",
    "contains": "has",
    "in": "is",
    "not_in": "is not",
    "greater_than": "is more than",
    "less_than": "is less than",
}


def of_events(names: str | Iterable[str]) -> str:
    """Return events as text: `a lead is created, or a quote is sent`."""
    listed = [names] if isinstance(names, str) else names
    return ", or ".join(_of_event(str(name)) for name in listed)


def of_stops(names: str | Iterable[str]) -> str:
    """Return events that cancel pending steps as text, about that lead or task."""
    return of_events(names).replace("a lead ", "the lead ").replace("a task ", "the task ")


def of_rule_stops(rule: Written) -> list[str]:
    """Return what cancels a rule's steps as sentences: its own events, then those of its messages by default."""
    own, added = stops_in(rule)
    said = [f"It is cancelled when {of_stops(own)}."] if own else []
    return said + (
        [f"Messages to the lead are {'also ' if own else ''}cancelled when {of_stops(added)}."] if added else []
    )


def stops_in(rule: Written) -> tuple[list[str], list[str]]:
    """Return the events in a rule's `stop_on`, and those that its messages to the lead stop on by default."""
    written = rule.get("stop_on")
    own = [written] if isinstance(written, str) else list(written or ())
    actions = [action for do in rule["do"] for action in do.items()]
    effective = {event for kind, settings in actions for event in stop_events(written, kind, settings)}
    return own, [event for event in DEFAULT_STOPS if event in effective and event not in own]


def _of_event(name: str) -> str:
    if name.startswith(_CUSTOM):
        return f"another system reports “{plain(name.removeprefix(_CUSTOM))}”"
    return EVENTS[name]


def of_conditions(conditions: Iterable[Written]) -> str:
    """Return conditions as text: `its status is new, and its score is more than 79`."""
    return ", and ".join(map(of_condition, conditions))


def of_condition(condition: Written) -> str:
    """Return a condition or a group of conditions as text."""
    if "all" in condition:
        return " and ".join(map(of_condition, condition["all"]))
    if "any" in condition:
        return "either " + ", or ".join(map(of_condition, condition["any"]))
    field = condition["field"]
    return " and ".join(_of_test(field, test, want) for test, want in condition.items() if test != "field")


def _of_test(field: str, test: str, want: object) -> str:
    name = f"its {_NAMES.get(field, plain(field.rpartition('.')[2]))}"
    if field in _TRUTHS:
        return _TRUTHS[field] if want else f"it is not the case that {_TRUTHS[field]}"
    match test:
        case "exists":
            there, missing = _THERE.get(field, (f"{name} is known", f"{name} is not known"))
            return there if want else missing
        case "changed":
            return f"{name} {'just changed' if want else 'did not change'}"
        case "days_since":
            return f"{name} {_days_ago(want)}"
        case "contains" if field == "lead.tags":
            return f"it is tagged “{want}”"
    return f"{name}: {value(want)}" if isinstance(want, bool) else f"{name} {_TESTS[test]} {value(want)}"


def _days_ago(want: object) -> str:
    if not isinstance(want, Mapping):
        return f"was {want} days ago or more"
    bounds = {"greater_than": "more", "less_than": "less"}
    return "was " + " and ".join(f"{bounds[bound]} than {days} days ago" for bound, days in want.items())


def value(want: object) -> str:
    """Return the value of a test as text."""
    if isinstance(want, bool):
        return "yes" if want else "no"
    return " or ".join(map(plain, want)) if isinstance(want, list) else plain(want)


def of_timing(rule: Written) -> str:
    """Return the delay of a rule as text; empty if it acts at once."""
    again = f", and then every {rule['every'].removeprefix('1 ')}" if "every" in rule else ""
    if "before_due" in rule:
        return f"{rule['before_due']} before the task is due"
    if "before" in rule:
        return of_wait(rule["before"], way="before") + again
    return of_wait(rule["after"]) + again if "after" in rule else ""


def of_length(length: str, clock: str) -> str:
    """Return a length of time with what its days and hours are: `1 working day 2 opening hours`."""
    match clock:
        case "business":
            return _WORKED.sub(
                lambda unit: f"{'working' if unit[1] == 'day' else 'opening'} {unit[0]}", _spelled(length)
            )
        case "business_days":
            return f"{length} without closed days"
        case "opening_hours":
            return f"{length} of opening hours"
    return length


_WORKED: Final = re.compile(r"\b(day|hour|minute|second)s?\b")


def _spelled(length: str) -> str:
    """Return a length with its units in full: `1d 2h` becomes `1 day 2 hours`. 24 hours stay hours."""
    wait = parse_wait(length)
    rest, hours = wait.less_than_a_day, wait.less_than_a_day // timedelta(hours=1)
    smaller = rest - timedelta(hours=hours)
    counted = ((wait.months, "month"), (wait.weeks, "week"), (wait.days, "day"), (hours, "hour"))
    said = [f"{amount} {unit}{'' if amount == 1 else 's'}" for amount, unit in counted if amount]
    return " ".join([*said, *([format_duration(smaller)] if smaller or not said else [])])


def of_wait(wait: object, *, way: str = "after") -> str:
    """Return a delay as text: `3 days later, at 09:00`."""
    if wait == BEST_TIME:
        return "at the next hour at which the lead is best reached"
    parts: Written = wait if isinstance(wait, Mapping) else {"time": wait}
    of_field = f" {way} the lead's {plain(parts['of'].rpartition('.')[2])}" if "of" in parts else " later"
    said = [f"{of_length(parts['time'], parts.get('clock', 'wall'))}{of_field}"] if "time" in parts else []
    said += [f"on day {parts['on_day']} of the month"] if "on_day" in parts else []
    said += [f"at {_hours(parts['at'])}"] if "at" in parts else []
    said += ["then at the next hour at which the lead is best reached"] if parts.get("best_time") else []
    said += ["in the lead's time zone"] if parts.get("zone") == "lead" else []
    return ", ".join(said)


def of_beginning(sequence: Written) -> str:
    """Return how leads are enrolled in a sequence."""
    enroll, once = sequence.get("enroll"), of_key(sequence)
    if enroll is None:
        return f"a user, a rule or a nurture enrolls the lead{once}"
    conditions = f", if {of_conditions(enroll['when'])}" if enroll.get("when") else ""
    waited = f": {timing}" if (timing := of_timing(enroll)) else ""
    return f"{of_events(enroll['on'])}{conditions}{waited}{once}"


def of_key(sequence: Written) -> str:
    """Return what an enrollment is about, as the end of a sentence; empty if it is about the lead."""
    return f", once for each {plain(key_name(sequence['key']))}" if "key" in sequence else ""


def of_step(step: Written) -> str:
    """Return a step of a sequence as text."""
    kind = action_in(step)
    action = of_conditions(step[kind]["if"]) + "?" if kind == "branch" else of_action({kind: step[kind]})
    only = [f"if {of_conditions(step['only_if'])}"] if step.get("only_if") else []
    only += [f"unless {of_conditions(step['unless'])}"] if step.get("unless") else []
    return ", ".join([action, *only])


def of_nurture(nurture: Written) -> str:
    """Return the hours of a nurture and the leads that it enrolls, as text."""
    scores = f"a score of {nurture['score_from']} to {nurture['score_to']}"
    silence = f" that were silent for {nurture['silent_for']}" if "silent_for" in nurture else ""
    hours = _hours(nurture["run_hours"]) if "run_hours" in nurture else "its hours"
    return f"at {hours}: leads with {scores}{silence}"


def of_action(action: Written) -> str:
    """Return an action as text."""
    [(kind, settings)] = action.items()
    sentence = STEP_KINDS[kind].sentence
    return sentence(settings) if sentence else plain(kind)


def _hours(hours: str | list[str]) -> str:
    return hours if isinstance(hours, str) else " or ".join(hours)


def by_channels(channels: Iterable[str]) -> str:
    """Return channels as text: their labels."""
    return " and ".join(CHANNELS[channel].label for channel in channels)


def plain(code: object) -> str:
    """Return a slug or a code as words: `WEB_PAID` becomes `web paid`."""
    text = str(code).replace("_", " ").replace("-", " ")
    return text.lower() if text.isupper() else text
