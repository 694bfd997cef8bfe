"""Edits in the API description: `If-Match`, and PATCH beside PUT."""

import json
from typing import Any

from tests.support.environment import ROOT

PATHS: dict[str, dict[str, Any]] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
EDITS = {
    (method, path): PATHS[path][method]
    for path in PATHS
    for method in ("post", "put", "patch", "delete")
    if method in PATHS[path]
}


def if_match(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in operation.get("parameters", ()) if one.get("name") == "If-Match"]


def test_if_match_is_required_exactly_where_428_is_an_answer():
    needed = {edit for edit, operation in EDITS.items() if "428" in operation["responses"]}
    assert needed == {edit for edit, operation in EDITS.items() if any(one["required"] for one in if_match(operation))}
    assert all("412" in operation["responses"] for operation in EDITS.values() if if_match(operation))
    assert len(needed) > 40


def test_resources_that_need_if_match_have_a_get_with_an_etag():
    for (method, path), operation in EDITS.items():
        if "428" in operation["responses"]:
            shown = PATHS[path].get("get", {}).get("responses", {}).get("200", {})
            assert "ETag" in shown.get("headers", {}), (method, path)


def test_each_resource_that_is_replaced_can_be_patched():
    missing = [path for (method, path), edit in EDITS.items() if method == "put" and if_match(edit)]
    assert [path for path in missing if "patch" not in PATHS[path]] == []


def test_puts_that_merge_say_so():
    merging = {
        path for (method, path), edit in EDITS.items() if method == "put" and "As `PATCH`" in edit["description"]
    }
    assert merging == {"/api/leads/{lead_id}", "/api/leads/tasks/{task_id}", "/api/followups/{task_id}"}
