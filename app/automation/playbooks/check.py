"""What is wrong with a playbook, each mistake with its path. The shapes are those that `rules` reads."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.automation import conditions
from app.automation.durations import InvalidDuration, parse_duration
from app.automation.events import STOPS, EventName
from app.automation.mistakes import Mistake, one_of
from app.outgoing.targets import NotAllowed, read_target

MOST_ACTIONS = 20
LONGEST_SLUG, LONGEST_TITLE = 100, 200
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RULE_KEYS = frozenset(
    {"name", "description", "on", "when", "after", "before_due", "only_if", "unless", "skip_when_later_than"}
    | {"do", "stop_on"}
)
# What is known when an event happens is not what is known when its step is due.
PLANNING = frozenset(field for field in conditions.FIELDS if not field.startswith("since."))
DUE = frozenset(field for field in conditions.FIELDS if not field.startswith("event."))
FACTS_OF = {"when": PLANNING, "only_if": DUE, "unless": DUE}
CHANNELS = frozenset({"in_app", "email"})
TASK_TYPES = frozenset(
    {
        *("CALL", "EMAIL", "SMS", "VIDEO_CALL", "MEETING", "FOLLOW_UP", "CONSULTATION_CONFIRM", "PAPERWORK_REMINDER"),
        *("DOCUMENT_REVIEW", "APPLICATION_STATUS", "VISA_STATUS", "TEST_SCORE_REVIEW", "PAYMENT", "SERVICE", "CUSTOM"),
    }
)
MESSAGE_TYPES = frozenset({"text", "image", "video"})
BY_GATEWAY = {"type", "media_url", "gateway"}
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
    mistakes += _text(document, "name", "name", longest=LONGEST_SLUG)
    templates = document.get("templates") or {}
    if not isinstance(templates, Mapping):
        return [*mistakes, Mistake("templates", "must map a slug to its subject and body")]
    mistakes += [
        Mistake(f"templates.{slug}", "must be a mapping with subject and body")
        for slug, text in templates.items()
        if not isinstance(text, Mapping)
    ]
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        return [*mistakes, Mistake("rules", "must be a list")]
    for i, rule in enumerate(rules):
        mistakes += check_rule(rule, f"rules[{i}]", frozenset(templates))
    return _first_of_each_place(mistakes + _repeated(rules))


def check_rule(rule: object, place: str, templates: frozenset[str]) -> list[Mistake]:
    """Every mistake of one rule."""
    if not isinstance(rule, Mapping):
        return [Mistake(place, "must be a mapping")]
    mistakes = _keys(rule, RULE_KEYS, place, {"name", "on", "do"})
    name = rule.get("name")
    if not isinstance(name, str) or not SLUG.fullmatch(name) or len(name) > LONGEST_SLUG:
        mistakes.append(Mistake(f"{place}.name", f"must be a slug such as speed-to-lead, of at most {LONGEST_SLUG}"))
    if "on" in rule:
        mistakes += _events(rule["on"], list(EventName), f"{place}.on")
    if rule.get("stop_on", []) != []:
        mistakes += _events(rule["stop_on"], list(STOPS), f"{place}.stop_on")
    for key, known in FACTS_OF.items():
        mistakes += conditions.check(rule.get(key, []), f"{place}.{key}", known)
    return mistakes + _timing(rule, place) + _actions(rule.get("do"), f"{place}.do", templates)


def _timing(rule: Mapping[str, Any], place: str) -> list[Mistake]:
    after = rule.get("after", "0 seconds")
    mistakes = _moment(after, f"{place}.after") if isinstance(after, Mapping) else _duration(after, f"{place}.after")
    for key in ("before_due", "skip_when_later_than"):
        if key in rule:
            mistakes += _duration(rule[key], f"{place}.{key}")
    if "before_due" in rule and "after" in rule:
        mistakes.append(Mistake(f"{place}.after", "and before_due exclude each other"))
    if "before_due" in rule and not all(str(event).startswith("task.") for event in _listed(rule.get("on"))):
        mistakes.append(Mistake(f"{place}.before_due", "needs a task that is due: `on` may name task events only"))
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
    mistakes += _text(settings, "title", f"{place}.title")
    mistakes += one_of(settings.get("type"), TASK_TYPES, f"{place}.type")
    mistakes += one_of(settings.get("priority", "NORMAL"), PRIORITIES, f"{place}.priority")
    return mistakes + _moment(settings.get("due", {"after": "0 seconds"}), f"{place}.due", time="after")


def _remind(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    keys = {"channels", "template"}
    return _keys(settings, keys, place, keys) + _message(settings, place, templates)


def _escalate(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    keys = {"title", "channels", "template"}
    mistakes = _keys(settings, keys, place, keys) + _text(settings, "title", f"{place}.title")
    return mistakes + _message(settings, place, templates)


def _send_message(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    by_gateway = settings.get("channel") == "http"
    keys = {"channel", "template", "transactional"} | (BY_GATEWAY if by_gateway else set())
    mistakes = _keys(settings, keys, place, {"channel", "template"})
    mistakes += one_of(settings.get("channel"), {"email", "http"}, f"{place}.channel")
    mistakes += _parcel(settings, place) if by_gateway else []
    if not isinstance(settings.get("transactional", False), bool):
        mistakes.append(Mistake(f"{place}.transactional", "must be true or false"))
    return mistakes + one_of(settings.get("template"), templates, f"{place}.template")


def _parcel(settings: Mapping[str, Any], place: str) -> list[Mistake]:
    """What a gateway is told beyond the text."""
    mistakes = one_of(settings.get("type", "text"), MESSAGE_TYPES, f"{place}.type")
    if ("media_url" in settings) != (settings.get("type", "text") != "text"):
        mistakes.append(Mistake(f"{place}.media_url", "goes with an image or a video, and only with those"))
    if "media_url" in settings:
        mistakes += _url(settings["media_url"], f"{place}.media_url")
    return mistakes + (_slug(settings["gateway"], f"{place}.gateway") if "gateway" in settings else [])


def _call_webhook(settings: Mapping[str, Any], place: str, _: frozenset[str]) -> list[Mistake]:
    mistakes = _keys(settings, {"gateway"}, place, {"gateway"})
    return mistakes + (_slug(settings["gateway"], f"{place}.gateway") if "gateway" in settings else [])


def _url(value: object, place: str) -> list[Mistake]:
    try:
        is_https = read_target(str(value)).scheme == "https"
    except NotAllowed as refusal:
        return [Mistake(place, str(refusal))]
    return [] if is_https else [Mistake(place, "must begin with https://")]


def _slug(value: object, place: str) -> list[Mistake]:
    if isinstance(value, str) and SLUG.fullmatch(value) and len(value) <= LONGEST_SLUG:
        return []
    return [Mistake(place, f"must be a gateway's slug, such as social-desk, of at most {LONGEST_SLUG}")]


def _suggest_lost(settings: Mapping[str, Any], place: str, templates: frozenset[str]) -> list[Mistake]:
    mistakes = _keys(settings, {"reason", "channels", "template"}, place, {"reason"})
    mistakes += one_of(settings.get("reason"), LOST_REASONS, f"{place}.reason")
    tells_somebody = "channels" in settings or "template" in settings
    return mistakes + (_message(settings, place, templates) if tells_somebody else [])


ACTIONS: Mapping[str, Callable[[Mapping[str, Any], str, frozenset[str]], list[Mistake]]] = {
    "create_task": _create_task,
    "remind": _remind,
    "escalate": _escalate,
    "send_message": _send_message,
    "suggest_lost": _suggest_lost,
    "call_webhook": _call_webhook,
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


def _text(settings: Mapping[str, Any], key: str, place: str, *, longest: int = LONGEST_TITLE) -> list[Mistake]:
    value = settings.get(key, "that it is missing is said elsewhere")
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > longest:
        return [Mistake(place, f"must be text in one line, of at most {longest} characters")]
    return []


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _events(value: object, allowed: list[Any], place: str) -> list[Mistake]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        return [Mistake(place, "must be an event or a list of events")]
    return [m for i, name in enumerate(names) for m in one_of(name, allowed, f"{place}[{i}]")]


def _keys(value: Mapping[str, Any], allowed: Iterable[str], place: str, needed: set[str]) -> list[Mistake]:
    known = frozenset(allowed)
    unknown = [m for key in value for m in one_of(key, known, f"{place}.{key}")]
    return unknown + [Mistake(f"{place}.{key}", "is missing") for key in sorted(needed - set(value))]


def _first_of_each_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Of what is missing nobody wants to read what else is wrong with it."""
    first: dict[str, Mistake] = {}
    for mistake in mistakes:
        first.setdefault(mistake.place, mistake)
    return list(first.values())


def _repeated(rules: list[Any]) -> list[Mistake]:
    slugs = [rule.get("name") for rule in rules if isinstance(rule, Mapping)]
    return [
        Mistake(f"rules[{i}].name", f"{slug!r} is taken by an earlier rule")
        for i, slug in enumerate(slugs)
        if slug in slugs[:i]
    ]
