"""Questions about mails and texts of leads: whether a person wrote it, and whether the lead asks for no more messages."""

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None

TABLES = ("inbound_emails", "inbound_texts")
IS_OPEN = sa.text("decide_by IS NOT NULL")
BEFORE = (
    *("reply", "auto_reply", "bounce_hard", "bounce_soft", "bounce_delayed", "complaint", "unmatched", "unreadable"),
    "own",
)
KINDS, QUESTIONS = "ck_inbound_emails_classification", "question IS NULL OR question IN ('author', 'opt_out')"


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("question", sa.Text()))
        op.add_column(table, sa.Column("decide_by", sa.DateTime(timezone=True)))
        _check(table, f"ck_{table}_question", QUESTIONS)
    op.drop_constraint(KINDS, "inbound_emails")
    _check("inbound_emails", KINDS, _one_of((*BEFORE, "unsure")))
    with op.get_context().autocommit_block():
        for table in TABLES:
            for name, column in ((f"ix_{table}_question", "lead_id"), (f"ix_{table}_decide_by", "decide_by")):
                op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)  # of an interrupted build
                op.create_index(name, table, [column], postgresql_where=IS_OPEN, postgresql_concurrently=True)


def downgrade() -> None:
    op.execute("UPDATE inbound_emails SET classification = 'auto_reply' WHERE classification = 'unsure'")
    op.drop_constraint(KINDS, "inbound_emails")
    _check("inbound_emails", KINDS, _one_of(BEFORE))
    for table in TABLES:
        op.drop_column(table, "decide_by")
        op.drop_column(table, "question")


def _one_of(kinds: tuple[str, ...]) -> str:
    return f"classification IN ({', '.join(repr(kind) for kind in kinds)})"


def _check(table: str, name: str, condition: str) -> None:
    """Add the check without a long lock: rows that exist are checked afterwards."""
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
