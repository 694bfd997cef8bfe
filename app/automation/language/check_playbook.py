"""What is wrong with a playbook, each mistake with its path."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from app.automation.language import shapes
from app.automation.language.check_actions import Around
from app.automation.language.check_rule import LONGEST_DESCRIPTION, check_rule
from app.automation.language.check_sequence import check_sequence
from app.automation.language.shapes import LONGEST_SLUG
from app.core.validation.mistakes import Mistake

KEYS = frozenset({"name", "title", "description", "rules", "templates", "stages", "fields", "sequences", "nurtures"})
STAGE_KEYS = frozenset({"slug", "name", "description", "color", "max_days_in_stage"})
FIELD_KEYS = frozenset({"key", "label", "type", "options"})
NURTURE_KEYS = frozenset(
    {"name", "sequence", "is_active", "run_hours", "days", "score_from", "score_to", "silent_for", "batch", "most"}
)
MOST_RULES, MOST_TEMPLATES, MOST_SEQUENCES, MOST_PARTS = 200, 200, 50, 50


def check(document: object) -> list[Mistake]:
    """Every mistake of a playbook."""
    if not isinstance(document, Mapping):
        return [Mistake("playbook", "must be a mapping with name, rules and templates")]
    mistakes = shapes.keys(document, KEYS, "playbook", {"name", "rules"})
    mistakes += shapes.text(document, "name", "name", longest=LONGEST_SLUG)
    for key in ("title", "description"):
        mistakes += shapes.text(document, key, key, longest=LONGEST_DESCRIPTION) if key in document else []
    mistakes += _parts(document.get("stages", []), "stages", STAGE_KEYS, ("slug", "name"))
    mistakes += _parts(document.get("fields", []), "fields", FIELD_KEYS, ("key", "label", "type"))
    nurtures, needed = document.get("nurtures", []), ("name", "sequence", "score_from", "score_to")
    mistakes += _parts(nurtures, "nurtures", NURTURE_KEYS, needed) or _repeated(nurtures, "nurtures")
    templates = document.get("templates") or {}
    if not isinstance(templates, Mapping) or len(templates) > MOST_TEMPLATES:
        return [*mistakes, Mistake("templates", f"must map at most {MOST_TEMPLATES} slugs to their subject and body")]
    mistakes += [
        Mistake(f"templates.{slug}", "must be a mapping with subject and body")
        for slug, text in templates.items()
        if not isinstance(text, Mapping)
    ]
    around = Around(frozenset(templates))
    for key, most, check_one in (("rules", MOST_RULES, check_rule), ("sequences", MOST_SEQUENCES, check_sequence)):
        mistakes += _each(document.get(key, []), key, most, partial(check_one, around=around))
    return first_of_each_place(mistakes)


def _each(written: object, key: str, most: int, check_one: Callable[[object, str], list[Mistake]]) -> list[Mistake]:
    """The mistakes of the rules, or of the sequences."""
    if not isinstance(written, list) or len(written) > most:
        return [Mistake(key, f"must be a list of at most {most} {key}")]
    mistakes = [m for i, one in enumerate(written) for m in check_one(one, f"{key}[{i}]")]
    return mistakes + _repeated(written, key)


def _parts(value: object, place: str, keys: frozenset[str], needed: Sequence[str]) -> list[Mistake]:
    """What the clinic's own checks look into further when it is installed; the first of `needed` names each."""
    if not isinstance(value, list) or len(value) > MOST_PARTS or not all(isinstance(one, Mapping) for one in value):
        return [Mistake(place, f"must be a list of at most {MOST_PARTS} mappings")]
    named = [m for i, one in enumerate(value) for m in shapes.text(one, needed[0], f"{place}[{i}].{needed[0]}")]
    return named + [m for i, one in enumerate(value) for m in shapes.keys(one, keys, f"{place}[{i}]", needed)]


def first_of_each_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Of what is missing nobody wants to read what else is wrong with it."""
    first: dict[str, Mistake] = {}
    for mistake in mistakes:
        first.setdefault(mistake.place, mistake)
    return list(first.values())


def _repeated(written: list[Any], key: str) -> list[Mistake]:
    slugs = [one.get("name") for one in written if isinstance(one, Mapping)]
    return [
        Mistake(f"{key}[{i}].name", f"{slug!r} is taken by an earlier {key.removesuffix('s')}")
        for i, slug in enumerate(slugs)
        if slug in slugs[:i]
    ]
