"""Idempotency records: the leads that a saved response shows, and the caller's permissions, for checks at a replay.

Responses are encrypted and kept for one day. Responses saved before this migration lack this data and are not replayed.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.security.encryption import decrypt, encrypt

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("kept_answers", sa.Column("shown", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("kept_answers", sa.Column("allowed", sa.LargeBinary(), nullable=True))
    _change_bodies(encrypt)


def downgrade() -> None:
    _change_bodies(decrypt)
    op.drop_column("kept_answers", "allowed")
    op.drop_column("kept_answers", "shown")


def _change_bodies(change: Callable[..., bytes]) -> None:
    connection, key = op.get_bind(), ("clinic_id", "caller_id", "path", "key")
    update = sa.text(f"UPDATE kept_answers SET body = :body WHERE ({', '.join(key)}) = (:{', :'.join(key)})")  # noqa: S608  (names of ours)
    rows = connection.execute(sa.text("SELECT * FROM kept_answers WHERE body IS NOT NULL")).mappings()
    for row in rows.all():
        call = [row[name] for name in key]
        body = change(row["body"], context="\n".join(["kept_answers.body", *map(str, call)]))
        connection.execute(update, {**dict(zip(key, call, strict=True)), "body": body})
