"""Drop the plain columns of encrypted fields. The downgrade decrypts them again."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.security.encryption import decrypt_json

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

AT_A_TIME = 1000
JSONB = postgresql.JSONB(astext_type=sa.Text())
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "leads": {
        **dict.fromkeys(("email", "phone", "phone_alt"), sa.Text()),
        "patient_dob": sa.Date(),
        **dict.fromkeys(("insurance_carrier", "insurance_member_id", "notes", "lost_notes"), sa.Text()),
    },
    "lead_activities": {"notes": sa.Text()},
    "notifications": {"address": sa.Text()},
    "job_items": {"lead": JSONB},
    "import_rows": {"cells": JSONB},
}
KEYS: Mapping[str, Sequence[str]] = {"job_items": ["job_id", "position"], "import_rows": ["import_id", "position"]}
INTO: Mapping[str, str] = {"job_items": "lead_sealed", "import_rows": "cells_sealed"}


def upgrade() -> None:
    for table, columns in PLAIN.items():
        for name in columns:
            op.drop_column(table, name)
        op.execute(f"CLUSTER {table} USING pk_{table}")  # rewrites the table, without the data of the dropped columns


def downgrade() -> None:
    for table, columns in PLAIN.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
        _open(table, columns)


def _open(table: str, columns: Mapping[str, Any]) -> None:
    """Decrypt rows, a thousand at a time, in the order of their primary key."""
    into, keys = INTO.get(table, "sealed"), KEYS.get(table, ["id"])
    kept = sa.table(table, *(sa.column(name) for name in (*keys, into)), *(sa.column(*one) for one in columns.items()))
    key = [kept.c[name] for name in keys]
    wanted = sa.select(*key, kept.c[into]).where(kept.c[into].is_not(None)).order_by(*key).limit(AT_A_TIME)
    these = [column == sa.bindparam(f"of_{column.name}") for column in key]
    update = (
        sa.update(kept).where(*these).values({name: sa.bindparam(name, type_=kind) for name, kind in columns.items()})
    )
    connection, after = op.get_bind(), sa.true()
    while rows := connection.execute(wanted.where(after)).mappings().all():
        connection.execute(update, [_change(table, keys, columns, row) for row in rows])
        after = sa.tuple_(*key) > sa.tuple_(*(rows[-1][name] for name in keys))


def _change(table: str, keys: Sequence[str], columns: Mapping[str, Any], row: Any) -> dict[str, Any]:
    into = INTO.get(table, "sealed")
    said = decrypt_json(row[into], context=f"{table}.{into}.{'.'.join(str(row[name]) for name in keys)}")
    fields = said if table not in INTO else {next(iter(columns)): said}
    return {**{f"of_{name}": row[name] for name in keys}, **{name: fields.get(name) for name in columns}}
