"""What is wrong with the actions of a rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.automation.language import condition_check, shapes
from app.automation.language.condition_check import Known
from app.core.http_client.targets import NotAllowed, read_target
from app.core.validation.mistakes import Mistake, one_of
from app.engine.rules.vocabulary import LOST_REASONS, PRIORITIES, TASK_TYPES, Field, When
from app.messaging.channels.registry import CHANNELS

MOST_ACTIONS = 20
DEEPEST_BRANCH = 3
MOST_TAGS = 20
MESSAGE_TYPES: Final = frozenset({"text", "image", "video"})
BY_GATEWAY: Final = frozenset({"type", "media_url", "gateway"})
AUDIENCES: Final = frozenset({"coordinator", "managers", "admins"})
BY_RULES: Final = "by_rules"
LOST: Final = "lost"  # the stage that asks why


@dataclass(frozen=True, slots=True)
class Around:
    """What a rule may refer to. None: it is not known here, so anything goes."""

    templates: frozenset[str]
    custom: Mapping[str, Field] | None = None
    stages: frozenset[str] | None = None
    sequences: frozenset[str] | None = None


Check = Callable[[Mapping[str, Any], str, Around], list[Mistake]]


def check_actions(do: object, place: str, around: Around, *, depth: int = 0) -> list[Mistake]:
    """Every mistake of a list of actions."""
    if not isinstance(do, list) or not 1 <= len(do) <= MOST_ACTIONS:
        return [Mistake(place, f"must be a list of 1 to {MOST_ACTIONS} actions")]
    return [m for i, action in enumerate(do) for m in _check_action(action, f"{place}[{i}]", around, depth)]


def _check_action(action: object, place: str, around: Around, depth: int) -> list[Mistake]:
    if not isinstance(action, Mapping) or len(action) != 1:
        return [Mistake(place, "must name one action, such as create_task: {...}")]
    ((kind, settings),) = action.items()
    if unknown := one_of(kind, {*ACTIONS, "branch"}, place):
        return unknown
    if not isinstance(settings, Mapping):
        return [Mistake(f"{place}.{kind}", "must be a mapping of settings")]
    if kind == "branch":
        return _branch(settings, f"{place}.branch", around, depth + 1)
    return ACTIONS[kind](settings, f"{place}.{kind}", around)


def _branch(settings: Mapping[str, Any], place: str, around: Around, depth: int) -> list[Mistake]:
    if depth > DEEPEST_BRANCH:
        return [Mistake(place, f"is nested deeper than {DEEPEST_BRANCH}")]
    mistakes = shapes.keys(settings, {"if", "then", "else"}, place, {"if", "then"})
    mistakes += condition_check.check(settings.get("if", []), f"{place}.if", Known(When.DUE, around.custom))
    for way in ("then", "else"):
        if way in settings:
            mistakes += check_actions(settings[way], f"{place}.{way}", around, depth=depth)
    return mistakes


def _create_task(settings: Mapping[str, Any], place: str, _: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"type", "title", "priority", "due"}, place, {"type", "title"})
    mistakes += shapes.text(settings, "title", f"{place}.title")
    mistakes += one_of(settings.get("type"), TASK_TYPES, f"{place}.type")
    mistakes += one_of(settings.get("priority", "NORMAL"), PRIORITIES, f"{place}.priority")
    return mistakes + _due(settings.get("due", {"after": "0 seconds"}), f"{place}.due")


def _due(value: object, place: str) -> list[Mistake]:
    if not isinstance(value, Mapping):
        return [Mistake(place, "must be like {after: 5 minutes, clock: business}")]
    mistakes = shapes.keys(value, {"after", "clock"}, place, {"after"})
    mistakes += one_of(value.get("clock", "wall"), {"wall", "business"}, f"{place}.clock")
    return mistakes + shapes.duration(value.get("after"), f"{place}.after")


def _remind(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    keys = {"channels", "template"}
    return shapes.keys(settings, keys, place, keys) + _message(settings, place, around)


def _notify(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"to", "channels", "template"}, place, {"channels", "template"})
    mistakes += one_of(settings.get("to", "coordinator"), AUDIENCES, f"{place}.to")
    return mistakes + _message(settings, place, around)


def _escalate(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    keys = {"title", "channels", "template"}
    mistakes = shapes.keys(settings, keys, place, keys) + shapes.text(settings, "title", f"{place}.title")
    return mistakes + _message(settings, place, around)


def _send_message(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    by_gateway = CHANNELS.needs_gateway(settings.get("channel"))
    keys = {"channel", "template", "transactional"} | (BY_GATEWAY if by_gateway else set())
    mistakes = shapes.keys(settings, keys, place, {"channel", "template"})
    mistakes += one_of(settings.get("channel"), CHANNELS.names_for_leads(), f"{place}.channel")
    mistakes += _parcel(settings, place) if by_gateway else []
    mistakes += shapes.truth(settings, "transactional", place)
    return mistakes + one_of(settings.get("template"), around.templates, f"{place}.template")


def _parcel(settings: Mapping[str, Any], place: str) -> list[Mistake]:
    """What a gateway is told beyond the text."""
    mistakes = one_of(settings.get("type", "text"), MESSAGE_TYPES, f"{place}.type")
    if ("media_url" in settings) != (settings.get("type", "text") != "text"):
        mistakes.append(Mistake(f"{place}.media_url", "goes with an image or a video, and only with those"))
    if "media_url" in settings:
        mistakes += _url(settings["media_url"], f"{place}.media_url")
    return mistakes + (_gateway(settings["gateway"], f"{place}.gateway") if "gateway" in settings else [])


def _call_webhook(settings: Mapping[str, Any], place: str, _: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"gateway"}, place, {"gateway"})
    return mistakes + (_gateway(settings["gateway"], f"{place}.gateway") if "gateway" in settings else [])


def _enroll(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"sequence"}, place, {"sequence"})
    if around.sequences is not None:
        return mistakes + one_of(settings.get("sequence"), around.sequences, f"{place}.sequence")
    return mistakes + shapes.text(settings, "sequence", f"{place}.sequence")


def _url(value: object, place: str) -> list[Mistake]:
    try:
        is_https = read_target(str(value)).scheme == "https"
    except NotAllowed as refusal:
        return [Mistake(place, str(refusal))]
    return [] if is_https else [Mistake(place, "must begin with https://")]


def _gateway(value: object, place: str) -> list[Mistake]:
    if isinstance(value, str) and shapes.SLUG.fullmatch(value) and len(value) <= shapes.LONGEST_SLUG:
        return []
    return [Mistake(place, f"must be a gateway's slug, such as social-desk, of at most {shapes.LONGEST_SLUG}")]


def _suggest_lost(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"reason", "channels", "template"}, place, {"reason"})
    mistakes += one_of(settings.get("reason"), LOST_REASONS, f"{place}.reason")
    tells_somebody = "channels" in settings or "template" in settings
    return mistakes + (_message(settings, place, around) if tells_somebody else [])


def _change_stage(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    stage = settings.get("stage")
    needed = {"stage", "reason"} if stage == LOST else {"stage"}
    mistakes = shapes.keys(settings, needed, place, needed)
    if stage == LOST and "reason" in settings:
        mistakes += one_of(settings["reason"], LOST_REASONS, f"{place}.reason")
    if around.stages is not None:
        return mistakes + one_of(stage, around.stages, f"{place}.stage")
    return mistakes + shapes.text(settings, "stage", f"{place}.stage")


def _assign(settings: Mapping[str, Any], place: str, _: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"to"}, place, {"to"})
    if settings.get("to") == BY_RULES or _is_id(settings.get("to")):
        return mistakes
    return [*mistakes, Mistake(f"{place}.to", f"must be {BY_RULES} or the id of a user")]


def _update_lead(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"add_tags", "remove_tags", "score", "add_score", "custom"}, place)
    if not settings:
        mistakes.append(Mistake(place, "must change something: add_tags, remove_tags, score, add_score or custom"))
    for key in ("add_tags", "remove_tags"):
        mistakes += _tags(settings.get(key, []), f"{place}.{key}")
    if "score" in settings:
        mistakes += shapes.number(settings["score"], f"{place}.score", least=0, most=100)
    if "add_score" in settings:
        mistakes += shapes.number(settings["add_score"], f"{place}.add_score", least=-100, most=100)
    return mistakes + _custom(settings.get("custom", {}), f"{place}.custom", around)


def _complete_tasks(settings: Mapping[str, Any], place: str, _: Around) -> list[Mistake]:
    mistakes = shapes.keys(settings, {"types"}, place, {"types"})
    types = settings.get("types")
    if not isinstance(types, list) or not types:
        return [*mistakes, Mistake(f"{place}.types", "must be a list of task types")]
    return mistakes + [m for i, one in enumerate(types) for m in one_of(one, TASK_TYPES, f"{place}.types[{i}]")]


def _tags(value: object, place: str) -> list[Mistake]:
    is_right = isinstance(value, list) and len(value) <= MOST_TAGS
    if is_right and all(isinstance(tag, str) and 0 < len(tag.strip()) <= 50 for tag in value):  # type: ignore[attr-defined]  # noqa: PLR2004
        return []
    return [Mistake(place, f"must be a list of at most {MOST_TAGS} tags, each of 1 to 50 characters")]


def _custom(value: object, place: str, around: Around) -> list[Mistake]:
    if not isinstance(value, Mapping):
        return [Mistake(place, "must map the clinic's own fields to their values")]
    if around.custom is None:
        return []
    return [m for key in value for m in one_of(key, around.custom, f"{place}.{key}")]


ACTIONS: Final[Mapping[str, Check]] = {
    "create_task": _create_task,
    "remind": _remind,
    "escalate": _escalate,
    "notify": _notify,
    "send_message": _send_message,
    "suggest_lost": _suggest_lost,
    "change_stage": _change_stage,
    "assign": _assign,
    "update_lead": _update_lead,
    "complete_tasks": _complete_tasks,
    "call_webhook": _call_webhook,
    "enroll": _enroll,
    "unenroll": _enroll,
}


def _message(settings: Mapping[str, Any], place: str, around: Around) -> list[Mistake]:
    channels = settings.get("channels")
    if not isinstance(channels, list) or not channels:
        return [Mistake(f"{place}.channels", "must be a list of channels")]
    mistakes = [
        m for i, c in enumerate(channels) for m in one_of(c, CHANNELS.names_for_users(), f"{place}.channels[{i}]")
    ]
    return mistakes + one_of(settings.get("template"), around.templates, f"{place}.template")


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False
