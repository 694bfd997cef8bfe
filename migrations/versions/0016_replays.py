"""What a kept answer shows, and what its caller was allowed when it was given: for when it is asked for again.

The answers are sealed; there are no more of them than a day's. Of those of before nobody knows what they show any more:
they are withheld.
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
