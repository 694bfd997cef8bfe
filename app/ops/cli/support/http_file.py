"""The API as an .http file of sample requests, for editors (JetBrains, VS Code's REST Client, kulala)."""

import json
import re
from collections.abc import Iterator
from typing import Final

from app.core.type_aliases import JsonObject
from app.ops.cli.support.http_requests import NEEDS_MORE, body_of, in_order, path_value, request_name

METHODS: Final = ("get", "post", "put", "patch", "delete")
FIRST: Final = """\
# Every call of the API, in an order in which they work: ids come from earlier answers. A call that needs more says so.
# Fill in an admin of a test clinic, because the calls create data, change it and delete it.
@host = http://127.0.0.1:8000
@email = admin@example.org
@password =
@gateway = http://127.0.0.1:9/
@token = {{log_in.response.body.$.access_token}}
"""
_TABLE: Final = """\
First name,Last name,Phone
Mia,Keller,+12025550146
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
    calls = {
        operations[method]["operationId"]: _call(described, method, path, operations[method])
        for path, operations in described["paths"].items()
        for method in METHODS
        if method in operations
    }
    return "\n".join([FIRST, *(calls[operation] for operation in in_order(calls))])


def _call(described: Described, method: str, path: str, operation: Described) -> str:
    name = operation["operationId"]
    head = [f"### {operation.get('summary', name)}", f"# @name {request_name(name)}"]
    head += [f"# {NEEDS_MORE[name]}"] if name in NEEDS_MORE else []
    filled = re.sub(r"{(\w+)}", lambda parameter: path_value(name, parameter[1]), path)
    lines = [f"{method.upper()} {{{{host}}}}{filled}{_query(operation)}", *_headers(operation)]
    content = operation.get("requestBody", {}).get("content", {})
    if "text/csv" in content:
        lines += ["Content-Type: text/csv", "", _TABLE.rstrip()]
    elif "application/json" in content:
        body = body_of(name)
        shown = _example(described, content["application/json"]["schema"]) if body is None else body
        lines += ["Content-Type: application/json", "", json.dumps(shown, indent=2, ensure_ascii=False)]
    return "\n".join([*head, *lines, ""])


def _query(operation: Described) -> str:
    needed = [one for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    return "?" + "&".join(f"{one['name']}={_example({}, one['schema'])}" for one in needed) if needed else ""


def _headers(operation: Described) -> Iterator[str]:
    if operation.get("security"):
        yield "Authorization: Bearer {{token}}"
    for one in operation.get("parameters", ()):
        if one["in"] == "header" and one.get("required"):
            yield f"{one['name']}: *"  # If-Match: any version


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
