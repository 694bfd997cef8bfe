"""Encrypted columns for personal data, and blind indexes where it is searched.

This fills the new columns; the next migration drops the plain ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

from app.security.encrypted_fields import blind_index
from app.security.encryption import encrypt_json

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

AT_A_TIME = 1000
LIVE = "deleted_at IS NULL"
NEWEST = sa.text("id DESC NULLS LAST")
BLIND = {"email": "email", "phone": "phone", "phone_alt": "phone"}  # and the kind of value


class Sealed(NamedTuple):
    """A table, the columns that tell its rows apart, those that are sealed, and where to."""

    table: str
    key: Sequence[str]
    columns: Sequence[str]
    into: str = "sealed"

    def place(self, row: Any) -> str:
        return f"{self.table}.{self.into}.{'.'.join(str(row[name]) for name in self.key)}"


LEADS = Sealed(
    "leads",
    ["id"],
    [*BLIND, "patient_dob", "insurance_carrier", "insurance_member_id", "notes", "lost_notes"],
)
OF_FIELDS = (LEADS, Sealed("lead_activities", ["id"], ["notes"]), Sealed("notifications", ["id"], ["address"]))
WHOLE = (
    Sealed("job_items", ["job_id", "position"], ["lead"], "lead_sealed"),
    Sealed("import_rows", ["import_id", "position"], ["cells"], "cells_sealed"),
)


def upgrade() -> None:
    for sealed in (*OF_FIELDS, *WHOLE):
        op.add_column(sealed.table, sa.Column(sealed.into, sa.LargeBinary(), nullable=True))
    for name in BLIND:
        op.add_column("leads", sa.Column(f"{name}_blind", sa.LargeBinary(), nullable=True))
    op.alter_column("import_rows", "cells", nullable=True)
    for sealed in OF_FIELDS:
        _fill(sealed, lambda row, sealed=sealed: {name: row[name] for name in sealed.columns if row[name] is not None})
    for sealed in WHOLE:
        _fill(sealed, lambda row, sealed=sealed: row[sealed.columns[0]])
    for name in BLIND:
        op.drop_index(f"ix_leads_{name}", "leads")
        op.create_index(
            f"ix_leads_{name}",
            "leads",
            ["clinic_id", f"{name}_blind", NEWEST],
            postgresql_where=sa.text(f"{name}_blind IS NOT NULL AND {LIVE}"),
        )


def downgrade() -> None:
    for name in BLIND:
        op.drop_index(f"ix_leads_{name}", "leads")
        of = sa.text("lower(email)") if name == "email" else name
        where = sa.text(f"{name} IS NOT NULL AND {LIVE}")
        op.create_index(f"ix_leads_{name}", "leads", ["clinic_id", of, NEWEST], postgresql_where=where)
        op.drop_column("leads", f"{name}_blind")
    for sealed in (*OF_FIELDS, *WHOLE):
        op.drop_column(sealed.table, sealed.into)
    op.execute("UPDATE import_rows SET cells = '[]' WHERE cells IS NULL")
    op.alter_column("import_rows", "cells", nullable=False)


def _fill(sealed: Sealed, said: Callable[[Mapping[str, Any]], Any]) -> None:
    """Encrypt existing rows, a thousand at a time, in the order of their primary key."""
    marks = list(BLIND) if sealed is LEADS else []
    names = [*sealed.key, *sealed.columns, *(["clinic_id"] if marks else [])]
    key, last = ", ".join(sealed.key), ", ".join(f":{name}" for name in sealed.key)
    some = " OR ".join(f"{name} IS NOT NULL" for name in sealed.columns)
    select = f"SELECT {', '.join(names)} FROM {sealed.table} WHERE ({some}) {{after}} ORDER BY {key} LIMIT {AT_A_TIME}"  # noqa: S608  (names of ours)
    changes = [f"{sealed.into} = :sealed", *(f"{name}_blind = :{name}_blind" for name in marks)]
    these = " AND ".join(f"{name} = :{name}" for name in sealed.key)
    update = sa.text(f"UPDATE {sealed.table} SET {', '.join(changes)} WHERE {these}")  # noqa: S608  (as above)
    connection, after, given = op.get_bind(), "", {}
    while rows := connection.execute(sa.text(select.format(after=after)), given).mappings().all():
        connection.execute(update, [_change(sealed, row, said(row), marks) for row in rows])
        after, given = f"AND ({key}) > ({last})", {name: rows[-1][name] for name in sealed.key}


def _change(sealed: Sealed, row: Mapping[str, Any], said: Any, marks: Sequence[str]) -> dict[str, Any]:
    blinds = {f"{name}_blind": blind_index(row["clinic_id"], BLIND[name], row[name]) for name in marks}
    key = {name: row[name] for name in sealed.key}
    return {**key, **blinds, "sealed": encrypt_json(said, context=sealed.place(row))}
