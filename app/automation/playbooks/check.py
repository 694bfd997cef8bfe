"""What is wrong with a playbook, each mistake with its path."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.automation.mistakes import Mistake
from app.automation.playbooks import shapes
from app.automation.playbooks.check_actions import Around
from app.automation.playbooks.check_rule import LONGEST_SLUG, check_rule

KEYS = frozenset({"name", "title", "description", "rules", "templates"})


def check(document: object) -> list[Mistake]:
    """Every mistake of a playbook."""
    if not isinstance(document, Mapping):
        return [Mistake("playbook", "must be a mapping with name, rules and templates")]
    mistakes = shapes.keys(document, KEYS, "playbook", {"name", "rules"})
    mistakes += shapes.text(document, "name", "name", longest=LONGEST_SLUG)
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
    around = Around(frozenset(templates))
    for i, rule in enumerate(rules):
        mistakes += check_rule(rule, f"rules[{i}]", around)
    return first_of_each_place(mistakes + _repeated(rules))


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
