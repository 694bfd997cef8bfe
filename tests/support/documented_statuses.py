"""Check that each status of a response is documented for its operation in docs/openapi.json."""

import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any

from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from app.ops.stack.procfile import ROOT

# The `default` response documents these: no operation causes them by itself.
_OF_ANY_CALL = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE})


def require_documented_status(client: FlaskClient, method: str, path: str, status: int) -> None:
    """Fail if the operation of this call does not document this status. Unknown routes and pages have no operation."""
    route = _route(client, method, path)
    operation = _paths().get(route or "", {}).get(method.lower())
    if operation is None or status in _OF_ANY_CALL:
        return
    assert str(status) in operation["responses"], f"{method} {route} answers {status}: not in docs/openapi.json"


def _route(client: FlaskClient, method: str, path: str) -> str | None:
    """Return the path in the form of OpenAPI: `/api/leads/{lead_id}`."""
    try:
        rule, _ = client.application.url_map.bind("").match(path.partition("?")[0], method, return_rule=True)
    except HTTPException:
        return None
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


@cache
def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    return paths
