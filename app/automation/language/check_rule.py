"""What is wrong with a rule. The shapes are those that `rules` reads."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from app.automation.language import condition_check, shapes
from app.automation.language.check_actions import Around, check_actions
from app.automation.language.condition_check import Known
from app.automation.language.shapes import LONGEST_SLUG, SLUG, listed
from app.core.calendar.durations import parse_wait
from app.core.validation.mistakes import Mistake, one_of
from app.engine.events.events import CUSTOM, DATE_REACHED, LISTENED_TO, MOMENTS, STOPS
from app.engine.rules.vocabulary import Type, When, known_at

LONGEST_DESCRIPTION = 1000
RULE_KEYS = frozenset(
    {"name", "description", "on", "when", "after", "before", "before_due", "every", "only_if", "unless", "stop_on"}
    | {"skip_when_later_than", "do", "priority"}
)
# What is known when an event happens is not what is known when its step is due.
FACTS_OF: Final = {"when": When.PLANNING, "only_if": When.DUE, "unless": When.DUE}
TIMINGS: Final = ("after", "before", "before_due")
STOPPING: Final = (*STOPS, *(word for word, events in MOMENTS.items() if set(events) <= STOPS.keys()))
MOST_EVENTS = 20
DATED: Final = frozenset({Type.DATE, Type.INSTANT, Type.ANY})


def check_rule(rule: object, place: str, around: Around) -> list[Mistake]:
    """Every mistake of one rule."""
    if not isinstance(rule, Mapping):
        return [Mistake(place, "must be a mapping")]
    at = f"{place}." if place else ""
    mistakes = shapes.keys(rule, RULE_KEYS, place, {"name", "on", "do"}) + check_name(rule, f"{at}name")
    mistakes += shapes.text(rule, "description", f"{at}description", longest=LONGEST_DESCRIPTION)
    if "on" in rule:
        mistakes += check_events(rule["on"], LISTENED_TO, f"{at}on")
    if rule.get("stop_on", []) != []:
        mistakes += check_events(rule["stop_on"], STOPPING, f"{at}stop_on")
    for key, when in FACTS_OF.items():
        mistakes += condition_check.check(rule.get(key, []), f"{at}{key}", Known(when, around.custom))
    if "priority" in rule:
        mistakes += shapes.number(rule["priority"], f"{at}priority", least=1, most=1000)
    return mistakes + _timing(rule, at, around) + check_actions(rule.get("do"), f"{at}do", around)


def check_name(rule: Mapping[str, Any], place: str) -> list[Mistake]:
    """Of a rule, or of a sequence."""
    name = rule.get("name")
    if isinstance(name, str) and SLUG.fullmatch(name) and len(name) <= LONGEST_SLUG:
        return []
    return [Mistake(place, f"must be a slug such as speed-to-lead, of at most {LONGEST_SLUG}")]


def check_events(value: object, allowed: Collection[str], place: str) -> list[Mistake]:
    """One event or several, of these or of integrators' own."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_EVENTS:
        return [Mistake(place, "must be an event or a list of events")]
    return [m for i, name in enumerate(names) if not _is_custom(name) for m in one_of(name, allowed, f"{place}[{i}]")]


def _is_custom(name: object) -> bool:
    return isinstance(name, str) and CUSTOM.fullmatch(name) is not None


def _timing(rule: Mapping[str, Any], at: str, around: Around) -> list[Mistake]:
    mistakes = [
        m for key in ("after", "before") if key in rule for m in check_moment(rule[key], key, f"{at}{key}", around)
    ]
    for key in ("before_due", "skip_when_later_than"):
        if key in rule:
            mistakes += shapes.duration(rule[key], f"{at}{key}")
    if "every" in rule:
        mistakes += shapes.wait(rule["every"], f"{at}every") or _repeats(str(rule["every"]), f"{at}every")
    if len(named := [key for key in TIMINGS if key in rule]) > 1:
        mistakes.append(Mistake(f"{at}{named[0]}", f"and {named[1]} exclude each other"))
    return mistakes + _fits_the_events(rule, at)


def _fits_the_events(rule: Mapping[str, Any], at: str) -> list[Mistake]:
    mistakes = []
    if "before_due" in rule and not all(str(event).startswith("task.") for event in listed(rule.get("on"))):
        mistakes.append(Mistake(f"{at}before_due", "needs a task that is due: `on` may name task events only"))
    anchors = [
        rule[key]["of"] for key in ("after", "before") if isinstance(rule.get(key), Mapping) and "of" in rule[key]
    ]
    if DATE_REACHED in listed(rule.get("on")) and not any(str(anchor).startswith("lead.") for anchor in anchors):
        problem = "needs the date of a lead: before: {time: 180 days, of: lead.custom.passport_expiry}"
        mistakes.append(Mistake(f"{at}on", f"{DATE_REACHED} {problem}"))
    return mistakes


def check_moment(value: object, key: str, place: str, around: Around) -> list[Mistake]:
    """The time of an `after` or a `before`."""
    if key == "after" and not isinstance(value, Mapping):
        return shapes.wait(value, place)
    if not isinstance(value, Mapping):
        return [Mistake(place, 'must be like {time: 180 days, of: lead.custom.passport_expiry, at: "09:00"}')]
    mistakes = shapes.keys(value, {"time", "clock", "at", "zone", "on_day", "of"}, place, _needed(key, value))
    mistakes += shapes.wait(value.get("time", "0 minutes"), f"{place}.time")
    mistakes += one_of(
        value.get("clock", "wall"), {"wall", "business"} if key == "after" else {"wall"}, f"{place}.clock"
    )
    mistakes += one_of(value.get("zone", "clinic"), {"clinic", "lead"}, f"{place}.zone")
    mistakes += shapes.hours(value["at"], f"{place}.at") if "at" in value else []
    mistakes += shapes.number(value["on_day"], f"{place}.on_day", least=1, most=31) if "on_day" in value else []
    return mistakes + (_anchor(value["of"], f"{place}.of", around) if "of" in value else [])


def _needed(key: str, value: Mapping[str, Any]) -> set[str]:
    if key == "before":
        return {"time", "of"}
    return set() if value.keys() & {"at", "on_day"} else {"time"}


def _anchor(path: object, place: str, around: Around) -> list[Mistake]:
    known = Known(When.PLANNING, around.custom)
    field = known.field(path)
    if field is not None and field.type in DATED:
        return []
    dated = [one for one in known_at(When.PLANNING, around.custom) if (f := known.field(one)) and f.type in DATED]
    return one_of(path, dated, place)


def _repeats(every: str, place: str) -> list[Mistake]:
    wait = parse_wait(every)
    return [] if wait.months or wait.time.days else [Mistake(place, "must be at least a day")]
