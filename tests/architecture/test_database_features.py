"""docs/capacity.md lists the PostgreSQL features that the code uses, and the code uses no feature of a session."""

import re
from pathlib import Path
from typing import Final

import pytest

from bench import capacity

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = (ROOT / "docs" / "capacity.md").read_text()
FOLDERS: Final = ("app", "workers", "migrations")
DIRECT: Final = ROOT / "app" / "ops" / "backup"  # connects as the owner, never through a pooler
CODE: Final = {
    path: path.read_text() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "static" not in path.parts
}
# Feature as the document names it, and how it looks in the code.
FEATURES: Final = {
    "`SKIP LOCKED`": r"SKIP LOCKED",
    "`FOR NO KEY UPDATE`": r"FOR NO KEY UPDATE|key_share=True",
    "transaction advisory locks": r"pg_(?:try_)?advisory_xact_lock",
    "row-level security": r"ROW LEVEL SECURITY",
    "transaction-local settings": r"set_config\('[\w.]+', .*true\)|SET LOCAL",
    "partial indexes": r"postgresql_where",
    "unique partial indexes": r"unique=True,\s+postgresql_where",
    "triggers": r"CREATE TRIGGER",
    "`SECURITY DEFINER` functions": r"SECURITY DEFINER",
    "full-text search": r"tsvector|to_tsquery",
    "GIN indexes": r'postgresql_using="gin"',
    "generated columns": r"Computed\(",
    "`ON CONFLICT`": r"ON CONFLICT",
    "data-modifying CTEs": r"AS \((?:INSERT|UPDATE|DELETE) ",
    "`LATERAL`": r"LATERAL",
    "JSON to rows": r"json_to_recordset",
    "arrays": r"ARRAY\(",
    "foreign keys with cascade": r'ondelete="CASCADE"',
    "savepoints": r"\bSAVEPOINT\b",
    "snapshots shared between connections": r"pg_export_snapshot",
}
# Features that other engines lack as well; whoever needs one adds it to the document.
UNUSED: Final = {
    "extensions": r"CREATE EXTENSION",
    "LISTEN": r"[\"']\s*(?:LISTEN|NOTIFY) \w|pg_notify\(",
    "temporary tables": r"CREATE TEMP|TEMPORARY TABLE",
    "session advisory locks": r"pg_(?:try_)?advisory_(?:lock|unlock)",
    "settings of the session": r"set_config\([^)]*, false\)|[\"']SET (?!LOCAL\b|CONSTRAINTS\b)[a-z_.]+ (?:=|TO) ",
    "cursors that outlive their transaction": r"WITH HOLD",
    "exclusion constraints": r"ExcludeConstraint|EXCLUDE USING",
    "MERGE": r"MERGE INTO",
    "partitions": r"PARTITION BY (?:HASH|RANGE|LIST)|postgresql_partition_by",
    "materialized views": r"MATERIALIZED VIEW",
}


def _users(pattern: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path, text in CODE.items() if re.search(pattern, text)]


@pytest.mark.parametrize("feature", FEATURES)
def test_listed_feature_is_used(feature: str) -> None:
    assert f"| {feature} |" in DOCUMENT
    assert _users(FEATURES[feature])


def test_document_lists_no_other_feature() -> None:
    section = DOCUMENT.partition("## PostgreSQL features in use")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| (.+?) \|", section, flags=re.MULTILINE)) - {"feature", "---"}

    assert listed == set(FEATURES)


@pytest.mark.parametrize("feature", UNUSED)
def test_feature_that_is_not_listed_is_not_used(feature: str) -> None:
    assert [user for user in _users(UNUSED[feature]) if not (ROOT / user).is_relative_to(DIRECT)] == []


def test_capacities_are_those_of_the_stored_results() -> None:
    assert capacity.table() in DOCUMENT, "run `python -m bench.capacity`"
