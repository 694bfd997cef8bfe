"""The fields of a lead are declared once: modules that list them by hand have a written reason."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from app.leads.fields import COLUMNS

ROOT: Final = Path(__file__).parents[2]
DECLARATION: Final = "app/leads/fields.py"
MOST: Final = 3  # names of declared fields in one literal; more are an enumeration

_NAMES = "The names of the two persons, which code compares, searches and replaces as names."
_OTHERS = "Columns of other tables, some of which have the same names."
_EXAMPLE = "An example of a lead with some fields, as a caller sends it."
REASONS: Final[Mapping[str, str]] = {
    "app/api/request_bodies.py": "Examples of request bodies for the documents of the API.",
    "app/automation/simulation/lead.py": "The person of a simulation: values that the stored timelines contain.",
    "app/engine/rules/conditions.py": "The facts that the engine stores with each event; others are looked up by need.",
    "app/leads/capture/capture.py": "The patient is the contact, and the touch repeats the source, unless given.",
    "app/leads/capture/forms/submit.py": "Names of visitors who give none, and the source of the form.",
    "app/leads/duplicates/search.py": "What makes two leads alike: a rule of its own with weights.",
    "app/leads/events.py": "The facts that events carry, written out because each capture and step builds them.",
    "app/leads/models.py": "The columns that analytics read from an index alone.",
    "app/leads/personal_data/clinic.py": _OTHERS,
    "app/leads/personal_data/work.py": _OTHERS,
    "app/leads/pipeline/board.py": "What a card of the board shows; each column more makes the board slower.",
    "app/leads/privacy/unlinked.py": _NAMES,
    "app/leads/search/by_text/find.py": _NAMES,
    "app/leads/search/by_text/keys.py": _NAMES,
    "app/leads/search/filters.py": "Filters of lists: each has an index and a meaning of its own.",
    "app/ops/demo/history/people.py": "Invented persons of the demo.",
    "app/ops/demo/replay/acts.py": _EXAMPLE,
    "app/ops/demo/scenario.py": _EXAMPLE,
    "bench/application.py": "The lead of an application that is measured beside this one.",
    "bench/import_methods.py": "Columns of the files that are measured.",
    "bench/inbound_actions.py": _EXAMPLE,
    "bench/list_requests.py": _EXAMPLE,
    "bench/web.py": _EXAMPLE,
}


def names_in(literal: ast.AST) -> Iterator[str]:
    """Yield the declared names in a literal: its texts, words of its texts, attributes and what it nests."""
    for part in ast.walk(literal):
        if isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from listed_words(part.value)


def listed_words(text: str) -> list[str]:
    """Return the names in a text that is nothing but names: `city`, `city state`, `city, state`."""
    words = text.replace(",", " ").split()
    return words if all(word.isidentifier() for word in words) else []


def enumerations(code: str) -> list[int]:
    """Return the lines of literals, and of texts that are lists, with more than `MOST` declared fields."""
    literals = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Dict | ast.List | ast.Set | ast.Tuple | ast.Constant)
    ]
    return [node.lineno for node in literals if len(COLUMNS.keys() & set(names_in(node))) > MOST]


@pytest.mark.parametrize(
    "code",
    [
        'x = ("first_name", "last_name", "city", "notes")',
        'x = {"first_name": 1, "last_name": 2, "city": 3, "notes": 4}',
        "x = [Lead.first_name, Lead.last_name, Lead.city, Lead.notes]",
        'x = {*("first_name", "last_name"), *("city", "notes")}',
        'x = "first_name last_name city notes".split()',
        'x = "first_name, last_name, city, notes"',
    ],
)
def test_enumeration_is_found(code: str):
    assert 1 in enumerations(code)


@pytest.mark.parametrize(
    "code",
    [
        'x = ("first_name", "last_name", "city", "first_name")',
        'x = "The city, state and language are in the notes of the email."',
        'x = (lead.id, lead.status, lead.city, lead.state)\ny = ("notes", "tags")',
    ],
)
def test_few_names_and_prose_are_no_enumeration(code: str):
    assert enumerations(code) == []


def test_each_module_that_lists_fields_of_a_lead_has_a_reason():
    """A new field must reach all readers. Read `app.leads.fields`, or give the reason above."""
    files = (file for package in ("app", "workers", "bench") for file in (ROOT / package).rglob("*.py"))
    by_path = {str(file.relative_to(ROOT)): enumerations(file.read_text()) for file in sorted(files)}
    found = {path: lines for path, lines in by_path.items() if lines and path != DECLARATION}
    assert {path: lines for path, lines in found.items() if path not in REASONS} == {}
    assert REASONS.keys() - found.keys() == set(), "these modules list no fields any longer"
