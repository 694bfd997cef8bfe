"""The API as an .http file of sample requests, for editors (JetBrains, VS Code's REST Client, kulala)."""

import json
from collections.abc import Iterator
from typing import Final

from app.core.type_aliases import JsonObject

METHODS: Final = ("get", "post", "put", "patch", "delete")
FIRST: Final = """\
# Every call of the API. Sign in first: the calls after it use its token.
@host = http://127.0.0.1:8000
@token = {{log_in.response.body.$.access_token}}
"""
_OF_FORMAT: Final[JsonObject] = {
    "uuid": "{{id}}",
    "date-time": "2030-01-31T09:00:00Z",
    "date": "2030-01-31",
    "email": "ana@example.org",
    "password": "seven green umbrellas",
}
_OF_TYPE: Final[JsonObject] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "object": {}}

Described = JsonObject


def as_calls(described: Described) -> str:
    """Return the .http file of an OpenAPI description: a request per operation, with its required parameters only."""
    calls = [
        _call(described, method, path, operations[method])
        for path, operations in described["paths"].items()
        for method in METHODS
        if method in operations
    ]
    return "\n".join([FIRST, *calls])


def _call(described: Described, method: str, path: str, operation: Described) -> str:
    name = operation["operationId"].replace(".", "_").replace("-", "_").removeprefix("auth_")
    head = [f"### {operation.get('summary', name)}", f"# @name {name}"]
    lines = [f"{method.upper()} {{{{host}}}}{path.replace('{', '{{').replace('}', '}}')}{_query(operation)}"]
    lines += _headers(operation)
    body = _body(described, operation)
    if body is not None:
        lines += ["Content-Type: application/json", "", json.dumps(body, indent=2, ensure_ascii=False)]
    return "\n".join([*head, *lines, ""])


def _query(operation: Described) -> str:
    needed = [one for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    return "?" + "&".join(f"{one['name']}={{{{{one['name']}}}}}" for one in needed) if needed else ""


def _headers(operation: Described) -> Iterator[str]:
    if operation.get("security"):
        yield "Authorization: Bearer {{token}}"
    for one in operation.get("parameters", ()):
        if one["in"] == "header" and one.get("required"):
            yield f"{one['name']}: *" if one["name"] == "If-Match" else f"{one['name']}: {{{{{one['name']}}}}}"


def _body(described: Described, operation: Described) -> object:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return _example(described, content["schema"]) if content else None


def _example(described: Described, schema: Described) -> object:
    """Return an example of the schema: its first example or enum value, or its required properties."""
    for said in ("examples", "enum"):
        if schema.get(said):
            return schema[said][0]
    if "$ref" in schema:
        return _example(described, described["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "array":
        return [_example(described, schema["items"])] if schema.get("minItems") else []
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: _example(described, properties[name]) for name in schema.get("required", ()) if name in properties
        }
    return _OF_FORMAT.get(schema.get("format", ""), schema.get("default", _OF_TYPE[kind]))
