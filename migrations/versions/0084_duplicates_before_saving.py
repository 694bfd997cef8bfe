"""Duplicates before they are saved: mailboxes with several addresses, matches of bulk items, persons within a file."""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OF_OURS = (
    "EXISTS (SELECT FROM imports parent WHERE parent.id = import_row_keys.import_id)"  # as the policy of `imports` says
)


def upgrade() -> None:
    op.add_column("job_items", sa.Column("matched_lead_id", sa.Uuid(), nullable=True))
    op.add_column("job_items", sa.Column("matched_position", sa.Integer(), nullable=True))
    op.create_table(
        "import_row_keys",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("blind_index", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_row_keys_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "blind_index", name=op.f("pk_import_row_keys")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON import_row_keys TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON import_row_keys TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON import_row_keys TO {CLINIC} USING ({OF_OURS}) WITH CHECK ({OF_OURS})")
    op.execute("ALTER TABLE import_row_keys ENABLE ROW LEVEL SECURITY")
    op.add_column("leads", sa.Column("email_main_blind", sa.LargeBinary(), nullable=True))
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_leads_email_main ON leads (clinic_id, email_main_blind, id DESC NULLS LAST)"
            " WHERE email_main_blind IS NOT NULL AND deleted_at IS NULL"
        )


def downgrade() -> None:
    op.drop_table("import_row_keys")
    op.drop_column("job_items", "matched_position")
    op.drop_column("job_items", "matched_lead_id")
    op.drop_index("ix_leads_email_main", "leads")
    op.drop_column("leads", "email_main_blind")
