"""Every example in the API description is valid for the schema that has it.

They are checked against their schema, because many name rows that must exist first.
`api/test_http_file.py` sends complete requests to a running API.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.support.environment import ROOT

DESCRIBED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


def with_examples(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each schema below `value` that has examples, with its place."""
    if isinstance(value, list):
        for number, below in enumerate(value):
            yield from with_examples(below, f"{place}/{number}")
    elif isinstance(value, dict):
        if isinstance(value.get("examples"), list):
            yield place, value
        for name, below in value.items():
            if name not in {"examples", "example", "const", "enum", "default"}:
                yield from with_examples(below, f"{place}/{name}")


SCHEMAS = dict(with_examples({"components": DESCRIBED["components"], "paths": DESCRIBED["paths"]}, "#"))


def test_there_are_examples():
    assert len(SCHEMAS) > 100


@pytest.mark.parametrize("place", SCHEMAS)
def test_examples_are_valid(place: str):
    schema = {**SCHEMAS[place], "components": DESCRIBED["components"]}
    for example in SCHEMAS[place]["examples"]:
        assert [error.message for error in Draft202012Validator(schema).iter_errors(example)] == [], example
