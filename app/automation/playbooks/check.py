"""What is wrong with a playbook, each mistake with its path. The shapes are those that `rules` reads."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.automation import conditions
from app.automation.durations import InvalidDuration, parse_duration
from app.automation.events import STOPS, EventName
from app.automation.mistakes import Mistake, one_of

MOST_ACTIONS = 20
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RULE_KEYS = frozenset(
    {"name", "description", "on", "when", "after", "before_due", "only_if", "unless", "skip_when_later_than"}
    | {"do", "stop_on"}
)
CHANNELS = frozenset({"in_app", "email"})
TASK_TYPES = frozenset(["CALL", "EMAIL", "SMS", "FOLLOW_UP", "CONSULTATION_CONFIRM", "PAPERWORK_REMINDER", "CUSTOM"])
PRIORITIES = frozenset({"LOW", "NORMAL", "HIGH", "URGENT"})
LOST_REASONS = frozenset(
    {"CHOSE_COMPETITOR", "COST_FINANCIAL", "TIMING_NOT_RIGHT", "NOT_A_CANDIDATE", "NO_RESPONSE"}
    | {"INSURANCE_ISSUES", "RELOCATED", "OTHER"}
)


def check(document: object) -> list[Mistake]:
    """Every mistake of a playbook."""
    if not isinstance(document, Mapping):
        return [Mistake("playbook", "must be a mapping with name, rules and templates")]
    mistakes = _keys(document, {"name", "rules", "templates", "description"}, "playbook", {"name", "rules"})
    templates = document.get("templates") or {}
    if not isinstance(templates, Mapping):
        return [*mistakes, Mistake("templates", "must map a slug to its subject and body")]
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        return [*mistakes, Mistake("rules", "must be a list")]
    for i, rule in enumerate(rules):
        mistakes += check_rule(rule, f"rules[{i}]", frozenset(templates))
    return mistakes + _repeated(rules)


def check_rule(rule: object, place: str, templates: frozenset[str]) -> list[Mistake]:
    """Every mistake of one rule."""
    if not isinstance(rule, Mapping):
        return [Mistake(place, "must be a mapping")]
    mistakes = _keys(rule, RULE_KEYS, place, {"name", "on", "do"})
    if not SLUG.fullmatch(str(rule.get("name", ""))):
        mistakes.append(Mistake(f"{place}.name", "must be a slug such as speed-to-lead"))
    mistakes += _events(rule.get("on", []), list(EventName), f"{place}.on")
    mistakes += _events(rule.get("stop_on", []), list(STOPS), f"{place}.stop_on")
    for key in ("when", "only_if", "unless"):
        mistakes += conditions.check(rule.get(key, []), f"{place}.{key}")
    return mistakes + _timing(rule, place) + _actions(rule.get("do"), f"{place}.do", templates)


def _timing(rule: Mapping[str, Any], place: str) -> list[Mistake]:
    after = rule.get("after", "0 seconds")
    mistakes = _moment(after, f"{place}.after") if isinstance(after, Mapping) else _duration(after, f"{place}.after")
    for key in ("before_due", "skip_when_later_than"):
        if key in rule:
            mistakes += _duration(rule[key], f"{place}.{key}")
    if "before_due" in rule and "after" in rule:
        mistakes.append(Mistake(f"{place}.after", "and before_due exclude each other"))
    return mistakes


def _actions(do: object, place: str, templates: frozenset[str]) -> list[Mistake]:
    if not isinstance(do, list) or not 1 <= len(do) <= MOST_ACTIONS:
        return [Mistake(place, f"must be a list of 1 to {MOST_ACTIONS} actions")]
    mistakes = []
    for i, action in enumerate(do):
        if not isinstance(action, Mapping) or len(action) != 1:
            mistakes.append(Mistake(f"{place}[{i}]", "must name one action, such as create_task: {...}"))
            continue
        ((kind, settings),) = action.items()
        unknown = one_of(kind, ACTIONS, f"{place}[{i}]")
        if not unknown and not isinstance(settings, Mapping):
            unknown = [Mistake(f"{place}[{i}].{kind}", "must be a mapping of settings")]
        mistakes += unknown or ACTIONS[kind](settings, f"{place}[{i}].{kind}", templates)
    return mistakes


def _create_task(settings: Mapping[str, Any], place: str, _: frozenset[str]) -> list[Mistake]:
    mistakes = _keys(settings, {"type", "title", "priority", "due"}, place, {"type", "title"})
    mistakes += one_of(settings.get("type"), TASK_TYPES, f"{place}.type")
    mistakes += one_of(settings.get("priority", "NORMAL"), PRIORITIES, f"{place}.priority")
    return mistakes + _moment(settings.get("due", {"after": "0 seconds"}), f"{place}.due", time="after")


def _remind(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    keys = {"channels", "template"}
    return _keys(settings, keys, place, keys) + _message(settings, place, templates)


def _escalate(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    keys = {"title", "channels", "template"}
    return _keys(settings, keys, place, keys) + _message(settings, place, templates)


def _send_message(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    mistakes = _keys(settings, {"channel", "template", "transactional"}, place, {"channel", "template"})
    mistakes += one_of(settings.get("channel"), {"email"}, f"{place}.channel")
    return mistakes + one_of(settings.get("template"), templates, f"{place}.template")


def _suggest_lost(settings: Mapping[str, Any], place: str, _: frozenset[str]) -> list[Mistake]:
    mistakes = _keys(settings, {"reason"}, place, {"reason"})
    return mistakes + one_of(settings.get("reason"), LOST_REASONS, f"{place}.reason")


ACTIONS: Mapping[str, Callable[[Mapping[str, Any], str, frozenset[str]], list[Mistake]]] = {
    "create_task": _create_task,
    "remind": _remind,
    "escalate": _escalate,
    "send_message": _send_message,
    "suggest_lost": _suggest_lost,
}


def _message(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    channels = settings.get("channels")
    if not isinstance(channels, list) or not channels:
        return [Mistake(f"{place}.channels", "must be a list of channels")]
    mistakes = [m for i, c in enumerate(channels) for m in one_of(c, CHANNELS, f"{place}.channels[{i}]")]
    return mistakes + one_of(settings.get("template"), templates, f"{place}.template")


def _moment(value: object, place: str, time: str = "time") -> list[Mistake]:
    if not isinstance(value, Mapping):
        return [Mistake(place, f"must be like {{{time}: 5 minutes, clock: business}}")]
    mistakes = _keys(value, {time, "clock"}, place, {time})
    mistakes += one_of(value.get("clock", "wall"), {"wall", "business"}, f"{place}.clock")
    return mistakes + _duration(value.get(time), f"{place}.{time}")


def _duration(value: object, place: str) -> list[Mistake]:
    try:
        parse_duration(str(value))
    except InvalidDuration as error:
        return [Mistake(place, str(error))]
    return []


def _events(value: object, allowed: list[Any], place: str) -> list[Mistake]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        return [Mistake(place, "must be an event or a list of events")]
    return [m for i, name in enumerate(names) for m in one_of(name, allowed, f"{place}[{i}]")]


def _keys(value: Mapping[str, Any], allowed: Iterable[str], place: str, needed: set[str]) -> list[Mistake]:
    known = frozenset(allowed)
    unknown = [m for key in value for m in one_of(key, known, f"{place}.{key}")]
    return unknown + [Mistake(f"{place}.{key}", "is missing") for key in sorted(needed - set(value))]


def _repeated(rules: list[Any]) -> list[Mistake]:
    slugs = [rule.get("name") for rule in rules if isinstance(rule, Mapping)]
    return [
        Mistake(f"rules[{i}].name", f"{slug!r} is taken by an earlier rule")
        for i, slug in enumerate(slugs)
        if slug in slugs[:i]
    ]
