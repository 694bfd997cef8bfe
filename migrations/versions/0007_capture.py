"""Capture: channels, touches, duplicates and merges, tags, value and custom fields, web forms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIVE = "deleted_at IS NULL"
TIME = sa.DateTime(timezone=True)
NEW_TABLES = ("lead_touches", "web_forms", "custom_fields")
LEAD_COLUMNS = (
    ("capture_channel", sa.Text(), "MANUAL"),
    ("social_platform", sa.Text(), None),
    ("social_handle", sa.Text(), None),
    ("external_source", sa.Text(), None),
    ("external_id", sa.Text(), None),
    ("tags", sa.ARRAY(sa.Text()), "{}"),
    ("lead_value", sa.Numeric(12, 2), None),
    ("custom", JSONB(), "{}"),
    ("first_touch_id", sa.Uuid(), None),
    ("first_touch_at", TIME, None),
    ("first_touch_source_id", sa.Uuid(), None),
    ("last_touch_id", sa.Uuid(), None),
    ("last_touch_at", TIME, None),
    ("last_touch_source_id", sa.Uuid(), None),
    ("merged_into_id", sa.Uuid(), None),
)
NEWEST = sa.text("id DESC NULLS LAST")
LEAD_INDEXES = (
    ("ix_leads_phone", ["clinic_id", "phone", NEWEST], f"phone IS NOT NULL AND {LIVE}"),
    ("ix_leads_phone_alt", ["clinic_id", "phone_alt", NEWEST], f"phone_alt IS NOT NULL AND {LIVE}"),
    ("ix_leads_email", ["clinic_id", sa.text("lower(email)"), NEWEST], f"email IS NOT NULL AND {LIVE}"),
    ("ix_leads_name", ["clinic_id", sa.text('"left"(lower(last_name), 3)'), NEWEST], LIVE),
    ("ix_leads_value", ["clinic_id", "lead_value", "id"], f"lead_value IS NOT NULL AND {LIVE}"),
    ("ix_leads_merged", ["merged_into_id"], "merged_into_id IS NOT NULL"),
)


def upgrade() -> None:
    for name, type_, default in LEAD_COLUMNS:
        op.add_column("leads", sa.Column(name, type_, server_default=default, nullable=default is None))
    for name, columns, which in LEAD_INDEXES:
        op.create_index(name, "leads", columns, postgresql_where=sa.text(which))
    op.create_index(
        "ix_leads_tags",
        "leads",
        ["tags"],
        postgresql_using="gin",
        postgresql_where=sa.text(f"tags <> '{{}}' AND {LIVE}"),
    )
    op.create_index(
        "uq_leads_external",
        "leads",
        ["clinic_id", "external_id", "external_source"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_check_constraint(op.f("ck_leads_value_is_positive"), "leads", "lead_value >= 0")
    op.add_column("lead_sources", sa.Column("aliases", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    _create_touches()
    _create_forms()
    _create_fields()
    for table in NEW_TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO relance_app")


def downgrade() -> None:
    for table in NEW_TABLES:
        op.drop_table(table)
    op.drop_column("lead_sources", "aliases")
    op.drop_constraint(op.f("ck_leads_value_is_positive"), "leads")
    for name in ("uq_leads_external", "ix_leads_tags", *(name for name, *_ in LEAD_INDEXES)):
        op.drop_index(name, "leads")
    for name, *_ in reversed(LEAD_COLUMNS):
        op.drop_column("leads", name)


def _create_touches() -> None:
    texts = ("medium", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer")
    op.create_table(
        "lead_touches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in texts),
        sa.Column("landing_page", sa.Text(), nullable=True),
        sa.Column("form_id", sa.Uuid(), nullable=True),
        sa.Column("consent_text", sa.Text(), nullable=True),
        sa.Column("consent_at", TIME, nullable=True),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_touches_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_touches")),
    )
    op.create_index("ix_lead_touches_lead", "lead_touches", ["lead_id", "occurred_at", "id"])


def _create_forms() -> None:
    op.create_table(
        "web_forms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("allowed_origins", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("fields", JSONB(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=True),
        sa.Column("thank_you", sa.Text(), nullable=True),
        sa.Column("redirect_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_web_forms_clinic_id")),
        sa.ForeignKeyConstraint(["source_id"], ["lead_sources.id"], name=op.f("fk_web_forms_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_forms")),
        sa.UniqueConstraint("key", name=op.f("uq_web_forms_key")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_web_forms_clinic_id_name")),
    )


def _create_fields() -> None:
    op.create_table(
        "custom_fields",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("options", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_custom_fields_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_fields")),
        sa.UniqueConstraint("clinic_id", "key", name=op.f("uq_custom_fields_clinic_id_key")),
    )
