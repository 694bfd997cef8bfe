"""Properties of docs/openapi.json that generators of clients need."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from app.ops.stack.procfile import ROOT

DESCRIPTION: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
CLIENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "python-client.yaml").read_text())
UNDERSTOOD = {"application/json", "application/x-www-form-urlencoded", "application/octet-stream"}


def operations() -> Iterator[dict[str, Any]]:
    """Yield every operation of the API."""
    for path in DESCRIPTION["paths"].values():
        yield from (operation for operation in path.values() if isinstance(operation, dict))


def test_text_downloads_are_described_as_text() -> None:
    """Generators read `format: binary` as bytes, and fail on a text response."""
    for operation in operations():
        for response in operation.get("responses", {}).values():
            for kind, content in response.get("content", {}).items():
                assert not kind.startswith("text/") or "format" not in content["schema"], operation["operationId"]


def test_client_configuration_covers_every_kind_of_body() -> None:
    """Without it, openapi-python-client leaves out `POST /api/imports`."""
    bodies = {kind for operation in operations() for kind in operation.get("requestBody", {}).get("content", {})}

    assert bodies - UNDERSTOOD == set(CLIENT["content_type_overrides"])
