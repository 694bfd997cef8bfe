"""Rules in plain words, for people who have never seen one written down. Pure.

Each function takes a part of a definition without mistakes. The words are short enough for a picture; the engine
reads nothing of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.engine.events.events import EventName
from app.engine.sequences.sequence import action_in
from app.engine.step_kind import STEP_KINDS
from app.messaging.channels.registry import CHANNELS

Written = Mapping[str, Any]

EVENTS: Final[Mapping[str, str]] = {
    EventName.LEAD_CREATED: "a lead comes in",
    EventName.LEAD_UPDATED: "something about a lead is changed",
    EventName.LEAD_ASSIGNED: "a lead is given to somebody",
    EventName.LEAD_STAGE_CHANGED: "a lead moves to another stage",
    EventName.LEAD_CONTACTED: "somebody speaks with the lead",
    EventName.LEAD_REPLIED: "the lead answers",
    EventName.LEAD_ATTEMPT_FAILED: "an attempt to reach the lead fails",
    EventName.LEAD_OPTED_OUT: "the lead opts out",
    EventName.LEAD_SCORED: "a lead's score changes",
    EventName.LEAD_CONVERTED: "the lead is won",
    EventName.LEAD_LOST: "the lead is lost",
    EventName.LEAD_REOPENED: "a lost lead is taken up again",
    EventName.LEAD_MERGED: "a duplicate becomes part of the lead",
    EventName.LEAD_STALE: "nothing happens with a lead for too long",
    EventName.LEAD_STAGE_OVERDUE: "a lead stays in its stage for too long",
    EventName.LEAD_WITHOUT_NEXT_ACTION: "a lead has nothing planned",
    EventName.ACTIVITY_LOGGED: "anything is logged about the lead",
    EventName.TASK_CREATED: "a task is made",
    EventName.TASK_RETIMED: "the task gets another time",
    EventName.TASK_SNOOZED: "a task is put off",
    EventName.TASK_COMPLETED: "a task is done",
    EventName.TASK_CANCELLED: "the task is called off",
    EventName.TASK_OVERDUE: "a task is overdue",
    EventName.CONSULTATION_SCHEDULED: "a consultation is booked",
    EventName.CONSULTATION_COMPLETED: "a consultation has taken place",
    EventName.CONSULTATION_MISSED: "a consultation is missed",
    EventName.QUOTE_SENT: "a quote is sent",
    EventName.ESTIMATE_CREATED: "an estimate is made",
    EventName.MESSAGE_SENT: "a message is sent",
    EventName.MESSAGE_DELIVERED: "a message arrives",
    EventName.MESSAGE_OPENED: "a message is opened",
    EventName.MESSAGE_CLICKED: "a link in a message is clicked",
    EventName.MESSAGE_BOUNCED: "a message comes back",
    EventName.MESSAGE_FAILED: "a message cannot be sent",
    "lead.stage_entered": "a lead enters a stage",
    "lead.stage_left": "the lead leaves the stage",
    "date.reached": "a date of the lead comes near, or is past",
}
_CUSTOM: Final = "custom."  # before the name of an integrator's own

# Of a field: what it is called in a sentence, where its name alone would not be understood.
_NAMES: Final[Mapping[str, str]] = {
    "lead.contacted_at": "last contact",
    "lead.replied_at": "last answer",
    "lead.pipeline_stage": "stage",
    "lead.failed_attempts": "number of failed attempts in a row",
    "event.previous_stage": "stage before",
    "event.previous_score": "score before",
}
# What it means that a field has a value, and that it has none.
_THERE: Final[Mapping[str, tuple[str, str]]] = {
    "lead.contacted_at": ("somebody has spoken with the lead", "nobody has spoken with the lead"),
    "lead.replied_at": ("the lead has answered", "the lead has not answered"),
    "lead.opted_out_at": ("the lead has opted out", "the lead has not opted out"),
    "lead.assigned_to_id": ("somebody looks after the lead", "nobody looks after the lead"),
    "lead.next_follow_up_at": ("one of its tasks is open", "none of its tasks is open"),
    "event.changed": ("something was changed", "it is new"),
}
# What is either so or not, as it is said when it is.
_TRUTHS: Final[Mapping[str, str]] = {
    "since.contacted": "somebody spoke with the lead meanwhile",
    "since.replied": "the lead answered meanwhile",
    "enrollment.opened": "one of the messages was opened",
    "enrollment.clicked": "a link in one of the messages was clicked",
    "enrollment.replied": "the lead answered",
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
    """`a lead comes in, or a quote is sent`."""
    listed = [names] if isinstance(names, str) else names
    return ", or ".join(_of_event(str(name)) for name in listed)


def of_stops(names: str | Iterable[str]) -> str:
    """The same of events that call off what is pending: of that lead, that task."""
    return of_events(names).replace("a lead ", "the lead ").replace("a task ", "the task ")


def _of_event(name: str) -> str:
    if name.startswith(_CUSTOM):
        return f"another system reports “{plain(name.removeprefix(_CUSTOM))}”"
    return EVENTS[name]


def of_conditions(conditions: Iterable[Written]) -> str:
    """`status is new, and score is more than 79`."""
    return ", and ".join(map(of_condition, conditions))


def of_condition(condition: Written) -> str:
    """One, or a group of them."""
    if "all" in condition:
        return " and ".join(map(of_condition, condition["all"]))
    if "any" in condition:
        return "either " + ", or ".join(map(of_condition, condition["any"]))
    field = condition["field"]
    return " and ".join(_of_test(field, test, want) for test, want in condition.items() if test != "field")


def _of_test(field: str, test: str, want: Any) -> str:
    name = f"its {_NAMES.get(field, plain(field.rpartition('.')[2]))}"
    if field in _TRUTHS:
        return _TRUTHS[field] if want else f"it is not so that {_TRUTHS[field]}"
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


def _days_ago(want: Any) -> str:
    if not isinstance(want, Mapping):
        return f"was {want} days ago or more"
    bounds = {"greater_than": "more", "less_than": "less"}
    return "was " + " and ".join(f"{bounds[bound]} than {days} days ago" for bound, days in want.items())


def value(want: Any) -> str:
    if isinstance(want, bool):
        return "yes" if want else "no"
    return " or ".join(map(plain, want)) if isinstance(want, list) else plain(want)


def of_timing(rule: Written) -> str:
    """When a rule acts, counted from its event; nothing where that is at once."""
    again = f", and then every {rule['every'].removeprefix('1 ')}" if "every" in rule else ""
    if "before_due" in rule:
        return f"{rule['before_due']} before the task is due"
    if "before" in rule:
        return of_wait(rule["before"], way="before") + again
    return of_wait(rule["after"]) + again if "after" in rule else ""


def of_wait(wait: Any, *, way: str = "after") -> str:
    """`3 days later, at 09:00`."""
    parts: Written = wait if isinstance(wait, Mapping) else {"time": wait}
    of_field = f" {way} the lead's {plain(parts['of'].rpartition('.')[2])}" if "of" in parts else " later"
    said = [f"{parts['time']}{of_field}"] if "time" in parts else []
    said += ["in opening hours"] if parts.get("clock") == "business" else []
    said += [f"on day {parts['on_day']} of the month"] if "on_day" in parts else []
    said += [f"at {_hours(parts['at'])}"] if "at" in parts else []
    said += ["where the lead is"] if parts.get("zone") == "lead" else []
    return ", ".join(said)


def of_beginning(sequence: Written) -> str:
    """How leads come into a sequence."""
    enroll = sequence.get("enroll")
    if enroll is None:
        return "somebody puts the lead in, or a rule or a nurture does"
    conditions = f", if {of_conditions(enroll['when'])}" if enroll.get("when") else ""
    waited = f": {timing}" if (timing := of_timing(enroll)) else ""
    return f"{of_events(enroll['on'])}{conditions}{waited}"


def of_step(step: Written) -> str:
    """What one step of a sequence does."""
    kind = action_in(step)
    action = of_conditions(step[kind]["if"]) + "?" if kind == "branch" else of_action({kind: step[kind]})
    only = [f"if {of_conditions(step['only_if'])}"] if step.get("only_if") else []
    only += [f"unless {of_conditions(step['unless'])}"] if step.get("unless") else []
    return ", ".join([action, *only])


def of_nurture(nurture: Written) -> str:
    """Whom a nurture takes, and when."""
    scores = f"a score of {nurture['score_from']} to {nurture['score_to']}"
    silence = f" that were silent for {nurture['silent_for']}" if "silent_for" in nurture else ""
    hours = _hours(nurture["run_hours"]) if "run_hours" in nurture else "its hours"
    return f"at {hours}: leads with {scores}{silence}"


def of_action(action: Written) -> str:
    """What one action does."""
    [(kind, settings)] = action.items()
    words = STEP_KINDS[kind].words
    return words.sentence(settings) if words else plain(kind)


def _hours(hours: str | list[str]) -> str:
    return hours if isinstance(hours, str) else " or ".join(hours)


def by_channels(channels: Iterable[str]) -> str:
    return " and ".join(CHANNELS[channel].label for channel in channels)


def plain(code: Any) -> str:
    """A slug or a code as a word: `WEB_PAID` is web paid."""
    text = str(code).replace("_", " ").replace("-", " ")
    return text.lower() if text.isupper() else text
