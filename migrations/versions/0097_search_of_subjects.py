"""Search keys of messages' subjects.

The sweep indexes the existing messages, newest first. Until it has, they are not found by their subjects.
"""

import sqlalchemy as sa
from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting(''relance.clinic'', true), '''')::uuid"
WAS_HANDED_OVER = "state <> ALL (ARRAY['pending'::text, 'sending'::text, 'suppressed'::text])"
INDEXES = {  # name: table, column, method, condition
    "ix_notifications_subject_words": (
        "notifications",
        "subject_blind",
        "gin",
        f"subject_blind IS NOT NULL AND {WAS_HANDED_OVER}",
    ),
    "ix_inbound_emails_subject_words": ("inbound_emails", "subject_blind", "gin", "subject_blind IS NOT NULL"),
    "ix_notifications_not_indexed": (
        "notifications",
        "id",
        "btree",
        "subject_blind IS NULL AND user_id IS NULL AND subject <> ''",
    ),
    "ix_inbound_emails_not_indexed": (
        "inbound_emails",
        "id",
        "btree",
        "subject_blind IS NULL AND sealed IS NOT NULL",
    ),
}
_SENT, _ARRIVED = (
    f"(SELECT m.id FROM {table} m JOIN leads l ON l.id = m.lead_id WHERE m.{OURS}"  # noqa: S608  (constants)
    f" AND m.subject_blind @> %1$L::integer[] {condition} AND l.deleted_at IS NULL"
    f" AND ($1 IS NULL OR l.assigned_to_id = ANY ($1)) ORDER BY m.{at} DESC, m.id DESC LIMIT $2)"
    for table, at, condition in (
        ("notifications", "created_at", "AND m." + WAS_HANDED_OVER.replace("'", "''")),
        ("inbound_emails", "received_at", ""),
    )
)
# The statement is planned with its values, because the keys of frequent words are frequent.
MESSAGES_WITH_KEYS = f"""
CREATE FUNCTION messages_with_keys(wanted integer[], owners uuid[], most integer) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('{_SENT} UNION ALL {_ARRIVED}', wanted::text) USING owners, most;
END $$
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table in ("notifications", "inbound_emails"):
            op.add_column(table, sa.Column("subject_blind", sa.ARRAY(sa.Integer()), nullable=True), if_not_exists=True)
        _drop_indexes()
        for name, (table, column, method, condition) in INDEXES.items():
            op.create_index(
                name,
                table,
                [column],
                postgresql_using=method,
                postgresql_with={"gin_pending_list_limit": 256} if method == "gin" else {},
                postgresql_where=sa.text(condition),
                postgresql_concurrently=True,
            )
    op.execute(MESSAGES_WITH_KEYS)
    op.execute("REVOKE ALL ON FUNCTION messages_with_keys FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION messages_with_keys TO {APP}, {CLINIC}")


def downgrade() -> None:
    op.execute("DROP FUNCTION messages_with_keys")
    with op.get_context().autocommit_block():
        _drop_indexes()
    for table in ("notifications", "inbound_emails"):
        op.drop_column(table, "subject_blind")


def _drop_indexes() -> None:
    """Drop the indexes, also those that an interrupted migration left invalid."""
    for name in INDEXES:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
