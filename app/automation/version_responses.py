"""Responses for rules, sequences and their versions."""

from typing import Any

from app.core.type_aliases import JsonDict


def row_response(row: Any, draft: JsonDict | None, warnings: list[JsonDict]) -> JsonDict:
    """Return the response for a rule or sequence, as `VersionedOut` describes it."""
    return {
        "id": row.id,
        "name": row.slug,
        "description": (row.definition or draft or {}).get("description"),
        "playbook": row.playbook or None,
        "is_active": row.active,
        "paused_because": row.paused_because,
        "published_version": row.published,
        "definition": row.definition,
        "draft": draft,
        "created_at": row.created_at,
        "updated_at": row.updated_at or row.created_at,
        "updated_by": row.updated_by,
        "version": row.version,
        "warnings": warnings,
    }


def version_response(row: Any, version: Any) -> JsonDict:
    """Return the response for a version of the row, as `VersionOut` describes it."""
    state = "draft" if version.number is None else "published" if version.number == row.published else "retired"
    return {
        "number": version.number,
        "state": state,
        "definition": version.definition,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "note": version.note,
    }
