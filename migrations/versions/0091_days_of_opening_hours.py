"""Days of the clock `business` are working days now: stored definitions with such days keep their meaning.

They counted 24 opening hours as a day. That clock is called `opening_hours`.
"""

import json
import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None

# Table, column of JSON, and which rows can have such days.
PLACES = (
    ("rules", "definition", "true"),
    ("rule_versions", "definition", "true"),
    ("sequences", "definition", "true"),
    ("sequence_versions", "definition", "true"),
    ("steps", "params", "kind = 'branch' AND state IN ('planned', 'published')"),
)
HAS_DAYS = re.compile(r"[0-9]\s*[dw]", re.IGNORECASE)


def upgrade() -> None:
    _rewrite("business", "opening_hours", only_days=True)


def downgrade() -> None:
    _rewrite("opening_hours", "business", only_days=False)


def _rewrite(old: str, new: str, *, only_days: bool) -> None:
    connection = op.get_bind()
    for table, column, rows in PLACES:
        found = connection.execute(
            sa.text(f"SELECT id, {column} AS text FROM {table} WHERE {rows} AND CAST({column} AS text) LIKE :word"),  # noqa: S608
            {"word": f'%"{old}"%'},
        ).all()
        for row in found:
            changed = _renamed(row.text, old, new, only_days=only_days)
            if changed != row.text:
                connection.execute(
                    sa.text(f"UPDATE {table} SET {column} = CAST(:text AS jsonb) WHERE id = :id"),  # noqa: S608
                    {"text": json.dumps(changed), "id": row.id},
                )


def _renamed(part: Any, old: str, new: str, *, only_days: bool) -> Any:
    if isinstance(part, list):
        return [_renamed(one, old, new, only_days=only_days) for one in part]
    if not isinstance(part, dict):
        return part
    length = part.get("time", part.get("after", ""))
    is_meant = part.get("clock") == old and (not only_days or HAS_DAYS.search(str(length)))
    known = {name: _renamed(value, old, new, only_days=only_days) for name, value in part.items()}
    return known | {"clock": new} if is_meant else known
