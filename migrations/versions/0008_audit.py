"""Audit log: append-only entries, and the hash chain that proves it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_clinic", "audit_entries", ["clinic_id", "at", "number"])
    op.create_table(
        "audit_changes",
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_audit_changes")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_audit_seals_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", "number", name=op.f("pk_audit_seals")),
    )
    op.execute(
        "CREATE FUNCTION refuse_to_forget() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the record of who saw and changed what is never changed'; END $$"
    )
    _keep("audit_entries", "SELECT, INSERT", "UPDATE OR DELETE OR TRUNCATE")
    _keep("audit_seals", "SELECT, INSERT", "UPDATE OR DELETE OR TRUNCATE")
    _keep("audit_changes", "SELECT, INSERT, DELETE", "UPDATE OR TRUNCATE")  # erasure of a person deletes changes


def downgrade() -> None:
    op.drop_table("audit_seals")
    op.drop_table("audit_changes")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION refuse_to_forget")


def _keep(table: str, granted: str, refused: str) -> None:
    op.execute(f"GRANT {granted} ON {table} TO relance_app")
    op.execute(
        f"CREATE TRIGGER is_never_changed BEFORE {refused} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_forget()"
    )
