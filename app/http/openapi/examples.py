"""Examples of request bodies in the OpenAPI document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from app.core.type_aliases import JsonDict, JsonObject

# Bodies by operationId: a JSON object, or text of another media type. `{{...}}` refers to an earlier answer.
RequestBodies: TypeAlias = Mapping[str, JsonObject | str]

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_SHOWN: Final = ("application/json", "application/x-www-form-urlencoded", "text/csv")
_REFERENCE: Final = re.compile(r"\{\{([\w.$\[\]]+)\}\}")
_SAMPLE_ID: Final = "018f3c5e-7a10-7000-8000-000000000001"
# Sample values by the last part of a reference; others are ids.
_SAMPLES: Final[Mapping[str, str]] = {
    "email": "ana@example.org",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "gateway": "https://gateway.example/messages",
    "name": "welcome-calls",
    "password": "four yellow bicycles",
    "refresh_token": "the refresh token of the sign-in",
    "slug": "insurance_check",
}
_OF_FORMAT: Final[JsonObject] = {
    "uuid": "{{id}}",
    "date-time": "2030-01-31T09:00:00Z",
    "date": "2030-01-31",
    "email": "ana@example.org",
    "password": "seven green umbrellas",
}
_OF_TYPE: Final[JsonObject] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "object": {}}


def operations_of(described: JsonObject) -> Iterator[tuple[str, str, Any]]:
    """Yield each operation of an OpenAPI document, with its path and method."""
    for path, operations in described["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield path, method, operations[method]


def add_examples(described: JsonDict, bodies: RequestBodies) -> None:
    """Add an example to each request body of the document."""
    for _, _, operation in operations_of(described):
        content = operation.get("requestBody", {}).get("content", {})
        for media_type in content.keys() & set(_SHOWN):
            content[media_type]["example"] = with_sample_values(request_body(described, operation, bodies))


def request_body(described: JsonObject, operation: JsonObject, bodies: RequestBodies) -> object:
    """Return the body of a sample request; it may have references. None: the operation has no body that is shown."""
    content = operation.get("requestBody", {}).get("content", {})
    shown = next((media_type for media_type in _SHOWN if media_type in content), None)
    if shown is None:
        return None
    body = bodies.get(operation["operationId"])
    return example_of(described, content[shown]["schema"]) if body is None else body


def with_sample_values(body: Any) -> Any:
    """Return the body with sample values instead of references to earlier answers."""
    if isinstance(body, Mapping):
        return {name: with_sample_values(value) for name, value in body.items()}
    if isinstance(body, list):
        return [with_sample_values(value) for value in body]
    return _REFERENCE.sub(_sample, body) if isinstance(body, str) else body


def _sample(found: re.Match[str]) -> str:
    return _SAMPLES.get(found[1].rpartition(".")[2], _SAMPLE_ID)


def example_of(described: JsonObject, schema: JsonObject) -> object:
    """Return an example of the schema: its first example or enum value, or its required properties."""
    for said in ("examples", "enum"):
        if schema.get(said):
            return schema[said][0]
    if "$ref" in schema:
        return example_of(described, described["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "array":
        return [example_of(described, schema["items"])] if schema.get("minItems") else []
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: example_of(described, properties[name]) for name in schema.get("required", ()) if name in properties
        }
    return _OF_FORMAT.get(schema.get("format", ""), schema.get("default", _OF_TYPE[kind]))
