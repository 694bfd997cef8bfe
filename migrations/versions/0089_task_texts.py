"""Search of tasks by the beginnings of words, without regard to accents."""

import sqlalchemy as sa
from alembic import op

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None

APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
TEXTS, WORDS = "ix_lead_tasks_texts", "ix_lead_tasks_words"
TEXT = "(title || ' '::text) || COALESCE(description, ''::text)"
FOLDED, PLAIN = (f"to_tsvector('simple'::regconfig, {text})" for text in (f"folded_name({TEXT})", TEXT))


def upgrade() -> None:
    """Replace the index. Processes of the last version search without it until they end: slowly."""
    _replace(WORDS, TEXTS, FOLDED)
    op.execute(f"GRANT EXECUTE ON FUNCTION folded_name TO {APP}, {CLINIC}")
    op.execute(
        "CREATE FUNCTION tasks_with_words(wanted text, most integer) RETURNS SETOF uuid LANGUAGE sql STABLE"  # noqa: S608  (constants)
        " SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$"
        f" SELECT id FROM public.lead_tasks WHERE {OURS} AND {FOLDED} @@ to_tsquery('simple'::regconfig, wanted)"
        " AND own_words AND deleted_at IS NULL LIMIT most $$"
    )
    op.execute("REVOKE ALL ON FUNCTION tasks_with_words FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION tasks_with_words TO {APP}, {CLINIC}")


def downgrade() -> None:
    op.execute("DROP FUNCTION tasks_with_words")
    _replace(TEXTS, WORDS, PLAIN)


def _replace(old: str, new: str, expression: str) -> None:
    with op.get_context().autocommit_block():
        op.drop_index(new, "lead_tasks", postgresql_concurrently=True, if_exists=True)  # of an interrupted migration
        op.create_index(
            new,
            "lead_tasks",
            [sa.text(expression)],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_where=sa.text("own_words"),
            postgresql_concurrently=True,
        )
        op.drop_index(old, "lead_tasks", postgresql_concurrently=True, if_exists=True)
