"""Rollups of entries into stages, and an index of the leads without a contact.

The sweep counts all days again, because their hash changes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

ENTRIES = "lead_rollup_entries"
WITHOUT_CONTACT = "ix_leads_without_contact"
READ_BY_REPORTS = ("created_at", "first_contact_at", "contacted_at", "replied_at", "source_id", "assigned_to_id")
APP, CLINIC = "relance_app", "relance_clinic"
OURS = "clinic_id = nullif(current_setting('relance.clinic', true), '')::uuid"
# Days that are younger are in no rollup (see SETTLED of the sweep): the stage changes of today write no change.
IS_OLD = "< now() - interval '12 hours'"
IS_CHANGE = "type = 'STAGE_CHANGE'"
ENTRY_COLUMNS = ("lead_id", "type", "new_stage", "occurred_at")
# An entry decides whether later ones of the same lead are the first into their stage.
ENTRY_FUNCTION = f"""
CREATE FUNCTION note_entries_beside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT NEW.clinic_id, at FROM (
        SELECT occurred_at AS at FROM lead_activities WHERE lead_id IN (NEW.lead_id, OLD.lead_id) AND {IS_CHANGE}
        UNION SELECT created_at FROM leads WHERE id IN (NEW.lead_id, OLD.lead_id)
        UNION VALUES (NEW.occurred_at), (OLD.occurred_at)
    ) AS beside WHERE at {IS_OLD};
    RETURN NULL;
END $$
"""  # noqa: S608  (constants)
LEAD_FUNCTION = f"""
CREATE FUNCTION note_entries_of_lead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lead_rollup_changes (clinic_id, created_at)
    SELECT clinic_id, occurred_at FROM lead_activities
    WHERE lead_id = NEW.id AND {IS_CHANGE} AND occurred_at {IS_OLD};
    RETURN NULL;
END $$
"""  # noqa: S608  (constants)


def upgrade() -> None:
    _build_index()
    op.create_table(
        ENTRIES,
        sa.Column("span_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("firsts", sa.Integer(), nullable=False),
        sa.Column("previous", sa.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinics.id"], name=op.f(f"fk_{ENTRIES}_clinic_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("span_id", "stage", name=op.f(f"pk_{ENTRIES}")),
    )
    op.create_index(f"ix_{ENTRIES}_clinic", ENTRIES, ["clinic_id"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {ENTRIES} TO {APP}, {CLINIC}")
    op.execute(f"CREATE POLICY everything ON {ENTRIES} TO {APP} USING (true)")
    op.execute(f"CREATE POLICY own_clinic ON {ENTRIES} TO {CLINIC} USING ({OURS}) WITH CHECK ({OURS})")
    op.execute(f"ALTER TABLE {ENTRIES} ENABLE ROW LEVEL SECURITY")
    op.execute(ENTRY_FUNCTION)
    op.execute(LEAD_FUNCTION)
    _create_triggers()


def downgrade() -> None:
    op.execute("DROP TRIGGER note_entries_of_lead ON leads")
    for name in ("note_added_entry", "note_changed_entry"):
        op.execute(f"DROP TRIGGER {name} ON lead_activities")
    op.execute("DROP FUNCTION note_entries_of_lead")
    op.execute("DROP FUNCTION note_entries_beside")
    op.drop_table(ENTRIES)
    op.drop_index(WITHOUT_CONTACT, "leads")


def _build_index() -> None:
    """Build the index while leads are written. A migration that begins again keeps the index, unless it is broken."""
    with op.get_context().autocommit_block():
        broken = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
        if op.get_bind().scalar(sa.text(broken), {"name": WITHOUT_CONTACT}):
            op.execute(f"DROP INDEX CONCURRENTLY {WITHOUT_CONTACT}")
        op.create_index(
            WITHOUT_CONTACT,
            "leads",
            ["clinic_id", "id"],
            if_not_exists=True,
            postgresql_concurrently=True,
            postgresql_include=[*READ_BY_REPORTS],
            postgresql_where=sa.text("first_contact_at IS NULL AND deleted_at IS NULL"),
        )


def _create_triggers() -> None:
    old, new = (", ".join(f"{row}.{name}" for name in ENTRY_COLUMNS) for row in ("OLD", "NEW"))
    is_changed = (
        f"'STAGE_CHANGE' IN (OLD.type, NEW.type) AND least(OLD.occurred_at, NEW.occurred_at) {IS_OLD}"
        f" AND ROW({old}) IS DISTINCT FROM ROW({new})"
    )
    for name, event, condition in (
        ("note_added_entry", "INSERT", f"NEW.{IS_CHANGE} AND NEW.occurred_at {IS_OLD}"),
        ("note_changed_entry", f"UPDATE OF {', '.join(ENTRY_COLUMNS)}", is_changed),
    ):
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON lead_activities FOR EACH ROW WHEN ({condition})"
            " EXECUTE FUNCTION note_entries_beside()"
        )
    old, new = (f"coalesce({row}.past_stages[1], {row}.pipeline_stage)" for row in ("OLD", "NEW"))
    op.execute(
        "CREATE TRIGGER note_entries_of_lead AFTER UPDATE OF deleted_at, created_at, past_stages, pipeline_stage"
        " ON leads FOR EACH ROW WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)"
        f" OR OLD.created_at <> NEW.created_at OR {old} <> {new}) EXECUTE FUNCTION note_entries_of_lead()"
    )
