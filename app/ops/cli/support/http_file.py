"""The API as an .http file of sample requests, for editors (JetBrains, VS Code's REST Client, kulala)."""

import json
import re
from collections.abc import Iterator
from typing import Final

from app.api.request_bodies import REQUEST_BODIES, request_name
from app.core.type_aliases import JsonObject
from app.http.openapi.examples import example_of, operations_of, request_body
from app.ops.cli.support.http_requests import NEEDS_MORE, in_order, path_value

FIRST: Final = """\
# Every call of the API, in an order in which they work: ids come from earlier answers. A call that needs more says so.
# Fill in an admin of a test clinic, because the calls create data, change it and delete it.
@host = http://127.0.0.1:8000
@email = admin@example.org
@password =
@gateway = http://127.0.0.1:9/
@token = {{log_in.response.body.$.access_token}}
"""

Described = JsonObject


def as_calls(described: Described) -> str:
    """Return the .http file of an OpenAPI description: a request per operation, with its required parameters only."""
    calls = {
        operation["operationId"]: _call(described, method, path, operation)
        for path, method, operation in operations_of(described)
    }
    return "\n".join([FIRST, *(calls[operation] for operation in in_order(calls))])


def _call(described: Described, method: str, path: str, operation: Described) -> str:
    name = operation["operationId"]
    head = [f"### {operation.get('summary', name)}", f"# @name {request_name(name)}"]
    head += [f"# {NEEDS_MORE[name]}"] if name in NEEDS_MORE else []
    filled = re.sub(r"{(\w+)}", lambda parameter: path_value(name, parameter[1]), path)
    lines = [f"{method.upper()} {{{{host}}}}{filled}{_query(operation)}", *_headers(operation)]
    body = request_body(described, operation, REQUEST_BODIES)
    if isinstance(body, str):
        lines += ["Content-Type: text/csv", "", body]
    elif body is not None:
        lines += ["Content-Type: application/json", "", json.dumps(body, indent=2, ensure_ascii=False)]
    return "\n".join([*head, *lines, ""])


def _query(operation: Described) -> str:
    needed = [one for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    return "?" + "&".join(f"{one['name']}={example_of({}, one['schema'])}" for one in needed) if needed else ""


def _headers(operation: Described) -> Iterator[str]:
    if operation.get("security"):
        yield "Authorization: Bearer {{token}}"
    for one in operation.get("parameters", ()):
        if one["in"] == "header" and one.get("required"):
            yield f"{one['name']}: *"  # If-Match: any version
