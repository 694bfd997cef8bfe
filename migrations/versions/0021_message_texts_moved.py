"""Drop the old text columns of templates; each template has a name."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Templates that an older process added since 0020.
FIRST_VERSIONS = """
INSERT INTO message_template_versions (id, clinic_id, template_id, number, variants, created_at)
SELECT gen_random_uuid(), clinic_id, id, 1,
    jsonb_build_array(jsonb_build_object('channel', NULL, 'language', NULL, 'subject', subject, 'body', body)), created_at
FROM message_templates t
WHERE NOT EXISTS (SELECT FROM message_template_versions v WHERE v.template_id = t.id)
"""
# `break-up-email` is called Break up email.
NAMES = """
UPDATE message_templates SET updated_at = coalesce(updated_at, created_at),
    name = coalesce(name, upper("left"(slug, 1)) || replace(substr(slug, 2), '-', ' '))
"""


def upgrade() -> None:
    op.execute(FIRST_VERSIONS)
    op.execute(NAMES)
    for name in ("name", "updated_at"):
        op.alter_column("message_templates", name, nullable=False)
    for name in ("number", "version"):
        op.alter_column("message_templates", name, server_default=None)
    for name in ("subject", "body"):
        op.drop_column("message_templates", name)


def downgrade() -> None:
    for name in ("subject", "body"):
        op.add_column("message_templates", sa.Column(name, sa.Text(), nullable=True))
    for name in ("number", "version"):
        op.alter_column("message_templates", name, server_default="1")
    for name in ("name", "updated_at"):
        op.alter_column("message_templates", name, nullable=True)
