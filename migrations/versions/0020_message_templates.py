"""Versions of message templates, languages of leads and clinics, template references of messages and tasks.

The text of a template becomes its version 1. The old columns stay until 0021, because older processes still use them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "nullif(current_setting('relance.clinic', true), '')::uuid"
VERSIONS = "message_template_versions"
TIME = sa.DateTime(timezone=True)
MADE_FROM = (
    ("notifications", "template_version_id", ["template_version_id", "created_at"]),
    ("lead_tasks", "task_template_id", ["task_template_id", "created_at"]),
)

FIRST_VERSIONS = f"""
INSERT INTO {VERSIONS} (id, clinic_id, template_id, number, variants, created_at)
SELECT gen_random_uuid(), clinic_id, id, 1,
    jsonb_build_array(jsonb_build_object('channel', NULL, 'language', NULL, 'subject', subject, 'body', body)), created_at
FROM message_templates
"""  # noqa: S608  (written above)
TEXTS_BACK = f"""
UPDATE message_templates t SET subject = d.text ->> 'subject', body = d.text ->> 'body'
FROM {VERSIONS} v CROSS JOIN LATERAL jsonb_array_elements(v.variants) AS d (text)
WHERE v.template_id = t.id AND v.number = t.number
  AND coalesce(d.text ->> 'channel', d.text ->> 'language') IS NULL
"""  # noqa: S608  (as above)


def upgrade() -> None:
    _add_languages()
    _add_versions()
    op.add_column("notifications", sa.Column("template_version_id", sa.Uuid(), nullable=True))
    op.add_column("notifications", sa.Column("variant", sa.Text(), nullable=True))
    op.add_column("lead_tasks", sa.Column("task_template_id", sa.Uuid(), nullable=True))
    for table, column, columns in MADE_FROM:
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_{table}_made_from", table, columns, postgresql_where=where)


def downgrade() -> None:
    for table, _, _ in MADE_FROM:
        op.drop_index(f"ix_{table}_made_from", table)
    op.drop_column("lead_tasks", "task_template_id")
    op.drop_column("notifications", "variant")
    op.drop_column("notifications", "template_version_id")
    op.execute(TEXTS_BACK)
    op.drop_table(VERSIONS)
    for name in ("version", "updated_at", "created_by", "number", "description", "name"):
        op.drop_column("message_templates", name)
    for name in ("subject", "body"):
        op.alter_column("message_templates", name, nullable=False)
    op.drop_index("ix_leads_language", "leads")
    op.drop_column("leads", "language")
    op.drop_column("clinics", "language")


def _add_languages() -> None:
    op.add_column("clinics", sa.Column("language", sa.Text(), server_default="en", nullable=False))
    op.add_column("leads", sa.Column("language", sa.Text(), nullable=True))
    where = sa.text("language IS NOT NULL AND deleted_at IS NULL")
    op.create_index("ix_leads_language", "leads", ["clinic_id", "language", "id"], postgresql_where=where)


def _add_versions() -> None:
    for column in (
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    ):
        op.add_column("message_templates", column)
    for name in ("subject", "body"):
        op.alter_column("message_templates", name, nullable=True)
    _create_versions()
    op.execute(FIRST_VERSIONS)


def _create_versions() -> None:
    op.create_table(
        VERSIONS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("variants", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f(f"fk_{VERSIONS}_clinic_id")),
        sa.ForeignKeyConstraint(
            ["template_id"], ["message_templates.id"], name=op.f(f"fk_{VERSIONS}_template_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{VERSIONS}")),
        sa.UniqueConstraint("template_id", "number", name=op.f(f"uq_{VERSIONS}_template_id_number")),
    )
    op.execute(f"GRANT SELECT, INSERT, DELETE ON {VERSIONS} TO {APP}, {CLINIC}")  # published texts are immutable
    op.execute(f"CREATE POLICY everything ON {VERSIONS} TO {APP} USING (true)")
    whose = f"clinic_id = {OURS}"
    op.execute(f"CREATE POLICY own_clinic ON {VERSIONS} TO {CLINIC} USING ({whose}) WITH CHECK ({whose})")
    op.execute(f"ALTER TABLE {VERSIONS} ENABLE ROW LEVEL SECURITY")
