"""What is wrong with a playbook, each mistake with its path."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.automation.mistakes import Mistake
from app.automation.playbooks import shapes
from app.automation.playbooks.check_actions import Around
from app.automation.playbooks.check_rule import LONGEST_DESCRIPTION, check_rule
from app.automation.playbooks.shapes import LONGEST_SLUG

KEYS = frozenset({"name", "title", "description", "rules", "templates", "stages", "fields"})
STAGE_KEYS = frozenset({"slug", "name", "description", "color", "max_days_in_stage"})
FIELD_KEYS = frozenset({"key", "label", "type", "options"})
MOST_RULES, MOST_TEMPLATES, MOST_PARTS = 200, 200, 50


def check(document: object) -> list[Mistake]:
    """Every mistake of a playbook."""
    if not isinstance(document, Mapping):
        return [Mistake("playbook", "must be a mapping with name, rules and templates")]
    mistakes = shapes.keys(document, KEYS, "playbook", {"name", "rules"})
    mistakes += shapes.text(document, "name", "name", longest=LONGEST_SLUG)
    for key in ("title", "description"):
        mistakes += shapes.text(document, key, key, longest=LONGEST_DESCRIPTION) if key in document else []
    mistakes += _parts(document.get("stages", []), "stages", STAGE_KEYS, {"slug", "name"})
    mistakes += _parts(document.get("fields", []), "fields", FIELD_KEYS, {"key", "label", "type"})
    templates = document.get("templates") or {}
    if not isinstance(templates, Mapping) or len(templates) > MOST_TEMPLATES:
        return [*mistakes, Mistake("templates", f"must map at most {MOST_TEMPLATES} slugs to their subject and body")]
    mistakes += [
        Mistake(f"templates.{slug}", "must be a mapping with subject and body")
        for slug, text in templates.items()
        if not isinstance(text, Mapping)
    ]
    rules = document.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        return [*mistakes, Mistake("rules", f"must be a list of at most {MOST_RULES} rules")]
    around = Around(frozenset(templates))
    for i, rule in enumerate(rules):
        mistakes += check_rule(rule, f"rules[{i}]", around)
    return first_of_each_place(mistakes + _repeated(rules))


def _parts(value: object, place: str, keys: frozenset[str], needed: set[str]) -> list[Mistake]:
    """What the clinic's own checks look into further when it is installed."""
    if not isinstance(value, list) or len(value) > MOST_PARTS or not all(isinstance(one, Mapping) for one in value):
        return [Mistake(place, f"must be a list of at most {MOST_PARTS} mappings")]
    return [m for i, one in enumerate(value) for m in shapes.keys(one, keys, f"{place}[{i}]", needed)]


def first_of_each_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
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
