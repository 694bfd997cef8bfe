"""Simulations change leads and tasks only by the functions that the services also call."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.environment import ROOT

SIMULATION = ROOT / "app" / "automation" / "simulation"
# Columns that services change together with others: each has a function that also returns the event.
SHARED = {
    *("pipeline_stage", "stage_entered_at", "stage_overdue_since", "converted_at", "lost_at", "lost_reason"),
    *("contacted_at", "replied_at", "failed_attempts", "opted_out_at", "assigned_to_id", "assigned_at"),
    *("last_activity_at", "updated_at", "updated_by", "version", "status", "completed_at", "cancelled_reason"),
}


def assigned_columns(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in SHARED:
            yield f"{module.name}:{node.lineno}: {node.attr}"


def test_simulation_sets_no_column_that_a_service_also_sets():
    assert [column for module in SIMULATION.glob("*.py") for column in assigned_columns(module)] == []
