"""The rule language as a page for people, written from what the engine checks and knows. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.automation.language.check_rule import STOPPING
from app.automation.language.condition_check import FITS, TESTS
from app.engine.events.events import LISTENED_TO, MOMENTS
from app.engine.rules.vocabulary import FIELDS, Type, When
from app.engine.step_kind import STEP_KINDS, Words

PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("The rule's name: a slug. It stays: steps and reports know the rule by it.", "website-lead-follow-up"),
    "description": ("For people.", "Somebody calls within the hour."),
    "on": ("The event that sets it off, or several.", "[quote.sent, estimate.created]"),
    "when": ("Conditions that hold as the event happens; all of them.", "[{field: lead.tags, contains: vip}]"),
    "after": (
        "A delay, or `{time, clock, at, on_day, zone, of}`: in opening hours, at an hour, from a date (see below).",
        '{time: 3 days, at: "09:00", zone: lead}',
    ),
    "before": ("So long before a date.", '{time: 180 days, of: lead.custom.passport_expiry, at: "09:00"}'),
    "before_due": ("So long before the task is due; a task's own reminders win.", "15 minutes"),
    "every": ("Again after so long, until it is stopped; at least a day.", "1 week"),
    "only_if": ("Conditions that have to hold when a step is due.", "[{field: task.status, equals: OVERDUE}]"),
    "unless": ("Conditions that must not hold when a step is due.", "[{field: since.contacted, equals: true}]"),
    "skip_when_later_than": ("Better not at all than later than this.", "2 hours"),
    "stop_on": ("Events that cancel what is pending.", "[lead.replied, lead.converted]"),
    "do": ("What to do: each action is a step of its own, see below.", "[{suggest_lost: {reason: NO_RESPONSE}}]"),
    "priority": ("1 comes first, of rules and of their messages; 100 where nothing is said.", "10"),
}
_TESTS: Final[Mapping[str, str]] = {
    "equals": "the same",
    "not_equals": "not the same",
    "contains": "has this in it, literally and in any case; of a list, this as one of its items",
    "in": "one of these",
    "not_in": "none of these",
    "greater_than": "more than this",
    "less_than": "less than this",
    "exists": "is there (`true`), or is not (`false`)",
    "days_since": "at least so many days ago; or `{greater_than: 7, less_than: 30}`",
    "changed": "the event changed it (`true`); of an event only",
}


def actions() -> Mapping[str, Words]:
    """Return the actions of rules by name, with their words. Those of sequences only have no example."""
    words = {name: STEP_KINDS[name].words for name in STEP_KINDS}
    return {name: one for name, one in words.items() if one and one.example}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from ("# The rule language", "", "<!-- written by `make openapi`, from the code -->", "")
    yield "A rule reads like a sentence: *on* an event, *when* this holds, *after* a while, *do* this, *stop on* that."
    yield from ("", "## Parts of a rule", "", "| part | what it says | such as |", "| --- | --- | --- |")
    yield from (f"| `{name}` | {about} | `{example}` |" for name, (about, example) in PARTS.items())
    yield ""
    yield from _OF_DELAYS
    yield from ("", "## Events", "", "| event | stops what names it under `stop_on` |", "| --- | --- |")
    yield from (f"| `{name}`{_means(name)} | {'yes' if name in STOPPING else ''} |" for name in LISTENED_TO)
    yield "| `custom.<name>`: what integrators report by `POST /api/events` | yes |"
    yield from ("", "## Conditions", "")
    yield "`{field: lead.status, equals: NEW}`; `all: [...]` and `any: [...]` hold others, five deep, fifty in all."
    yield from ("", "| test | asks whether the value is | of |", "| --- | --- | --- |")
    yield from (f"| `{name}` | {_TESTS[name]} | {_of(name)} |" for name in TESTS)
    yield from ("", "## Fields", "", "| field | type | what it is | known |", "| --- | --- | --- | --- |")
    for path, field in FIELDS.items():
        values = f" One of {', '.join(sorted(field.values))}." if field.values else ""
        yield f"| `{path}` | {field.type} | {field.about}{values} | {_KNOWN[field.known]} |"
    yield "| `lead.custom.<key>` | its own | A field of the clinic's own. | always |"
    yield "| `event.data.<key>` | any | What an integrator sent along. | as it happens |"
    yield from ("", "## Actions", "", "| action | what it does | such as |", "| --- | --- | --- |")
    yield from (f"| `{name}` | {words.about} | `{words.example}` |" for name, words in actions().items())


_OF_DELAYS: Final = (
    "Of a delay: `clock: business` counts opening hours. `at` is an hour of the day, `on_day` a day of the",
    "month, in the clinic's zone or the `zone` of the lead: after days, of that very day, else the next such. Of",
    'several hours, `at: ["09:00", "14:00", "18:00"]`, it is the first one once the wait is over. `of` is a field with',
    "a date to count from, instead of the event. Months are those of the calendar.",
)
_KNOWN: Final = {
    When.ALWAYS: "always",
    When.PLANNING: "as it happens",
    When.DUE: "when it is due",
    When.ENROLLED: "in sequences",
}


def _means(name: str) -> str:
    events = MOMENTS.get(name)
    return f": {' or '.join(f'`{event}`' for event in events)}" if events else ""


def _of(test: str) -> str:
    types = FITS.get(test)
    return ", ".join(sorted(type_ for type_ in types if type_ is not Type.ANY)) if types else "everything"
