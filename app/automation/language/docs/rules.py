"""Reference page of the rule language. Pure."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from app.automation.language.actions import rule_actions
from app.automation.language.base import Strict
from app.automation.language.conditions import DEEPEST, MOST, FieldCondition
from app.automation.language.docs.tables import Table, actions, page, parts_of
from app.automation.language.events import STOPPING
from app.automation.language.rules import Rule
from app.automation.language.timing import After, Before
from app.automation.language.vocabulary import FIELDS, Type, When
from app.engine.events.events import EVENT_ALIASES, LISTENABLE_EVENTS

_KNOWN: Final = {
    When.ALWAYS: "always",
    When.PLANNING: "as the event happens",
    When.DUE: "when a step is due",
    When.ENROLLED: "in sequences",
}


def rules_page(rule: type[Strict] = Rule) -> str:
    """Return the whole page, in Markdown."""
    tables: dict[str, Table] = {
        "rule": partial(parts_of, rule),
        "after": partial(parts_of, After),
        "before": partial(parts_of, Before),
        "events": _events,
        "conditions": _conditions,
        "fields": _fields,
        "actions": partial(actions, rule_actions()),
    }
    return page("rules", tables)


def _events() -> Iterator[str]:
    yield from ("| event | can stop steps (`stop_on`) |", "| --- | --- |")
    yield from (f"| `{name}`{_means(name)} | {'yes' if name in STOPPING else ''} |" for name in LISTENABLE_EVENTS)
    yield "| `custom.<name>`: a custom event of an integrator, sent to `POST /api/events` | yes |"


def _means(name: str) -> str:
    events = EVENT_ALIASES.get(name)
    return f": {' or '.join(f'`{event}`' for event in events)}" if events else ""


def _conditions() -> Iterator[str]:
    yield f"Groups hold other conditions, at most {DEEPEST} deep; a list has at most {MOST} conditions in all."
    yield from ("", "| test | holds if the field | types of field |", "| --- | --- | --- |")
    tests = FieldCondition.tests()
    for name, info in FieldCondition.model_fields.items():
        key = info.alias or name
        if key in tests:
            yield f"| `{key}` | {info.description} | {_types(tests[key])} |"


def _types(types: frozenset[Type]) -> str:
    return "all" if types == frozenset(Type) else ", ".join(sorted(types - {Type.ANY}))


def _fields() -> Iterator[str]:
    yield from ("| field | type | description | known |", "| --- | --- | --- | --- |")
    for path, field in FIELDS.items():
        values = f" One of {', '.join(sorted(field.values))}." if field.values else ""
        yield f"| `{path}` | {field.type} | {field.about}{values} | {_KNOWN[field.known]} |"
    yield "| `lead.custom.<key>` | as defined | A custom field of the clinic. | always |"
    yield "| `event.data.<key>` | any | Data that an integrator sent with the event. | as the event happens |"
