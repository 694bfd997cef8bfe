"""Every example in the API description is valid for its schema, and every request body has one.

Examples are checked against their schema, because many name rows that must exist first. The examples of request bodies
are those of `docs/relance.http`, which `api/test_http_file.py` sends to a running API.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from app.api.request_bodies import request_name
from app.http.openapi.examples import operations_of, with_sample_values
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


SENT = {
    re.findall(r"# @name (\w+)", request)[0]: request.strip().partition("\n\n")[2]
    for request in (ROOT / "docs" / "relance.http").read_text(encoding="utf-8").split("\n### ")[1:]
}
WITH_A_BODY = {
    operation["operationId"]: operation["requestBody"]["content"]
    for _, _, operation in operations_of(DESCRIBED)
    if "requestBody" in operation
}


def test_there_are_request_bodies():
    assert len(WITH_A_BODY) > 100


@pytest.mark.parametrize("operation", WITH_A_BODY)
def test_request_body_has_a_valid_example(operation: str):
    shown = {name: content for name, content in WITH_A_BODY[operation].items() if "example" in content}
    assert shown.keys() & {"application/json", "text/csv"}
    for content in shown.values():
        schema = {**content["schema"], "components": DESCRIBED["components"]}
        validator = Draft202012Validator(schema, validate_formats=True)
        assert [error.message for error in validator.iter_errors(content["example"])] == []


@pytest.mark.parametrize("operation", WITH_A_BODY)
def test_example_of_a_request_body_is_sent_to_a_running_api(operation: str):
    sent = SENT[request_name(operation)]
    examples = [content["example"] for content in WITH_A_BODY[operation].values() if "example" in content]
    is_table = "text/csv" in WITH_A_BODY[operation]
    for example in examples:
        assert example == with_sample_values(sent if is_table else json.loads(sent))
