"""Tables of the engine and of lead management, and the database role of the application."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


ROLE = "relance_app"  # owns nothing; may not alter, truncate or drop


def upgrade() -> None:
    _create_tables()
    _keep_steps_tidy()
    _grant()


def _keep_steps_tidy() -> None:
    """Vacuum `steps` early: each update of a step leaves a dead row version."""
    op.execute(
        "ALTER TABLE steps SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1,"
        " autovacuum_analyze_scale_factor = 0.05)"
    )


def _grant() -> None:
    op.execute(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}')"
        f" THEN CREATE ROLE {ROLE} NOLOGIN; END IF; END $$"
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {ROLE}")


def _create_tables() -> None:
    op.create_table(
        "clinics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("subdivision", sa.Text(), nullable=True),
        sa.Column("business_hours", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("closed_dates", sa.ARRAY(sa.Date()), nullable=False),
        sa.Column("stale_after_days", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinics")),
        sa.UniqueConstraint("slug", name=op.f("uq_clinics_slug")),
    )
    op.create_table(
        "counters",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", "metric", "labels", name=op.f("pk_counters")),
    )
    op.create_table(
        "sweep_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweep_runs")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_jobs_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_finished_at",
        "jobs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "uq_jobs_client_key",
        "jobs",
        ["clinic_id", "client_key"],
        unique=True,
        postgresql_where=sa.text("client_key IS NOT NULL"),
    )
    op.create_table(
        "lead_sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("monthly_cost", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_lead_sources_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_sources")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_lead_sources_clinic_id_name")),
    )
    op.create_table(
        "message_templates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_message_templates_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_templates")),
        sa.UniqueConstraint("clinic_id", "slug", name=op.f("uq_message_templates_clinic_id_slug")),
    )
    op.create_table(
        "pipeline_stages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("max_days_in_stage", sa.Integer(), nullable=True),
        sa.Column("is_terminal", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_pipeline_stages_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_stages")),
        sa.UniqueConstraint("clinic_id", "slug", name=op.f("uq_pipeline_stages_clinic_id_slug")),
    )
    op.create_index("ix_pipeline_stages_clinic_position", "pipeline_stages", ["clinic_id", "position"], unique=False)
    op.create_table(
        "rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_rules_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
        sa.UniqueConstraint("clinic_id", "slug", "version", name=op.f("uq_rules_clinic_id_slug_version")),
    )
    op.create_index("ix_rules_active", "rules", ["clinic_id"], unique=False, postgresql_where=sa.text("active"))
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('front_desk', 'treatment_coordinator', 'clinic_admin', 'doctor', 'marketing_manager')",
            name=op.f("ck_users_role"),
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_users_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_clinic_role", "users", ["clinic_id", "role"], unique=False)
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_api_keys_clinic_id")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_api_keys_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_index("ix_api_keys_clinic_id", "api_keys", ["clinic_id"], unique=False)
    op.create_table(
        "job_items",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("lead", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_items_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_items")),
    )
    op.create_index(
        "ix_job_items_failed",
        "job_items",
        ["job_id", "position"],
        unique=False,
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pipeline_stage", sa.Text(), nullable=False),
        sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage_overdue_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("patient_first_name", sa.Text(), nullable=False),
        sa.Column("patient_last_name", sa.Text(), nullable=False),
        sa.Column("patient_dob", sa.Date(), nullable=True),
        sa.Column("patient_relationship", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_alt", sa.Text(), nullable=True),
        sa.Column("preferred_contact", sa.Text(), nullable=False),
        sa.Column("preferred_time", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("source_campaign", sa.Text(), nullable=True),
        sa.Column("source_detail", sa.Text(), nullable=True),
        sa.Column("referring_provider_id", sa.Uuid(), nullable=True),
        sa.Column("referring_patient_id", sa.Uuid(), nullable=True),
        sa.Column("treatment_interest", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("insurance_carrier", sa.Text(), nullable=True),
        sa.Column("insurance_member_id", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("assigned_to_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consultation_id", sa.Uuid(), nullable=True),
        sa.Column("converted_to_patient_id", sa.Uuid(), nullable=True),
        sa.Column("converted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_reason", sa.Text(), nullable=True),
        sa.Column("lost_notes", sa.Text(), nullable=True),
        sa.Column("lost_suggested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_suggested_reason", sa.Text(), nullable=True),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status <> 'LOST' OR lost_reason IS NOT NULL", name=op.f("ck_leads_lost_has_reason")),
        sa.CheckConstraint(
            "status IN ('NEW', 'ACTIVE', 'CONVERTED', 'LOST', 'ARCHIVED')", name=op.f("ck_leads_status")
        ),
        sa.ForeignKeyConstraint(["assigned_to_id"], ["users.id"], name=op.f("fk_leads_assigned_to_id")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_leads_clinic_id")),
        sa.ForeignKeyConstraint(["source_id"], ["lead_sources.id"], name=op.f("fk_leads_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads")),
    )
    op.create_index(
        "ix_leads_assigned",
        "leads",
        ["clinic_id", "assigned_to_id", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_leads_clinic", "leads", ["clinic_id", "id"], unique=False, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        "ix_leads_going_stale",
        "leads",
        ["clinic_id", "last_activity_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stale_since IS NULL"),
    )
    op.create_index(
        "ix_leads_in_stage",
        "leads",
        ["clinic_id", "pipeline_stage", "stage_entered_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stage_overdue_since IS NULL"),
    )
    op.create_index(
        "ix_leads_source",
        "leads",
        ["clinic_id", "source_id", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_leads_stage",
        "leads",
        ["clinic_id", "pipeline_stage", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_leads_status",
        "leads",
        ["clinic_id", "status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"], unique=False)
    op.create_index("ix_sign_ins_user_id", "sign_ins", ["user_id"], unique=False)
    op.create_table(
        "lead_activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("duration_minutes", sa.Integer(), nullable=True),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("previous_stage", sa.Text(), nullable=True),
        sa.Column("new_stage", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_activities_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_activities")),
    )
    op.create_index("ix_lead_activities_timeline", "lead_activities", ["lead_id", "occurred_at", "id"], unique=False)
    op.create_table(
        "lead_tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("assigned_to_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminder_minutes", sa.ARRAY(sa.Integer()), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_reason", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'OVERDUE')",
            name=op.f("ck_lead_tasks_status"),
        ),
        sa.ForeignKeyConstraint(["assigned_to_id"], ["users.id"], name=op.f("fk_lead_tasks_assigned_to_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_tasks_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_tasks")),
    )
    op.create_index(
        "ix_lead_tasks_falling_due",
        "lead_tasks",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('PENDING', 'IN_PROGRESS')"),
    )
    op.create_index("ix_lead_tasks_lead", "lead_tasks", ["lead_id", "due_at"], unique=False)
    op.create_index(
        "ix_lead_tasks_mine",
        "lead_tasks",
        ["assigned_to_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
    )
    op.create_index(
        "ix_lead_tasks_mine_by_status",
        "lead_tasks",
        ["assigned_to_id", "status", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('IN_PROGRESS', 'COMPLETED', 'CANCELLED')"),
    )
    op.create_index(
        "ix_lead_tasks_overdue",
        "lead_tasks",
        ["clinic_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'OVERDUE'"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'failed', 'unknown', 'suppressed')",
            name=op.f("ck_notifications_state"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_notifications_lead_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index("ix_notifications_clinic", "notifications", ["clinic_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_notifications_inbox",
        "notifications",
        ["user_id", "id"],
        unique=False,
        postgresql_where=sa.text("channel = 'in_app' AND user_id IS NOT NULL"),
    )
    op.create_index("ix_notifications_lead", "notifications", ["lead_id", "id"], unique=False)
    op.create_index(
        "ix_notifications_unsent",
        "notifications",
        ["clinic_id", "state", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'sent'"),
    )
    op.create_table(
        "steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cause", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("guard", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("stop_on", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("lateness", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'published', 'running', 'done', 'skipped', 'cancelled', 'failed', 'unknown')",
            name=op.f("ck_steps_state"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_steps_lead_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steps")),
    )
    op.create_index(
        "ix_steps_due",
        "steps",
        ["kind", "due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('planned', 'published')"),
    )
    op.create_index("ix_steps_lead", "steps", ["lead_id", "due_at"], unique=False)
    op.create_index(
        "ix_steps_lease", "steps", ["lease_until"], unique=False, postgresql_where=sa.text("state = 'running'")
    )
    op.create_index(
        "ix_steps_trouble",
        "steps",
        ["clinic_id", "state", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'unknown')"),
    )
    op.create_index(
        "uq_steps_dedupe_key",
        "steps",
        ["clinic_id", "dedupe_key"],
        unique=True,
        postgresql_where=sa.text("dedupe_key IS NOT NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notifications.id"], name=op.f("fk_deliveries_notification_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_notification_id", "deliveries", ["notification_id", "attempt"], unique=False)


def downgrade() -> None:
    """Drop the tables. The role stays, because other databases of the cluster may use it."""
    op.drop_index("ix_deliveries_notification_id", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index("uq_steps_dedupe_key", table_name="steps", postgresql_where=sa.text("dedupe_key IS NOT NULL"))
    op.drop_index("ix_steps_trouble", table_name="steps", postgresql_where=sa.text("state IN ('failed', 'unknown')"))
    op.drop_index("ix_steps_lease", table_name="steps", postgresql_where=sa.text("state = 'running'"))
    op.drop_index("ix_steps_lead", table_name="steps")
    op.drop_index("ix_steps_due", table_name="steps", postgresql_where=sa.text("state IN ('planned', 'published')"))
    op.drop_table("steps")
    op.drop_index("ix_notifications_unsent", table_name="notifications", postgresql_where=sa.text("state <> 'sent'"))
    op.drop_index("ix_notifications_lead", table_name="notifications")
    op.drop_index(
        "ix_notifications_inbox",
        table_name="notifications",
        postgresql_where=sa.text("channel = 'in_app' AND user_id IS NOT NULL"),
    )
    op.drop_index("ix_notifications_clinic", table_name="notifications")
    op.drop_table("notifications")
    op.drop_index("ix_lead_tasks_overdue", table_name="lead_tasks", postgresql_where=sa.text("status = 'OVERDUE'"))
    op.drop_index(
        "ix_lead_tasks_mine_by_status",
        table_name="lead_tasks",
        postgresql_where=sa.text("status IN ('IN_PROGRESS', 'COMPLETED', 'CANCELLED')"),
    )
    op.drop_index(
        "ix_lead_tasks_mine",
        table_name="lead_tasks",
        postgresql_where=sa.text("status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
    )
    op.drop_index("ix_lead_tasks_lead", table_name="lead_tasks")
    op.drop_index(
        "ix_lead_tasks_falling_due",
        table_name="lead_tasks",
        postgresql_where=sa.text("status IN ('PENDING', 'IN_PROGRESS')"),
    )
    op.drop_table("lead_tasks")
    op.drop_index("ix_lead_activities_timeline", table_name="lead_activities")
    op.drop_table("lead_activities")
    op.drop_index("ix_sign_ins_user_id", table_name="sign_ins")
    op.drop_index("ix_sign_ins_expires_at", table_name="sign_ins")
    op.drop_table("sign_ins")
    op.drop_index("ix_leads_status", table_name="leads", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_leads_stage", table_name="leads", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_leads_source", table_name="leads", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_leads_in_stage",
        table_name="leads",
        postgresql_where=sa.text("status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stage_overdue_since IS NULL"),
    )
    op.drop_index(
        "ix_leads_going_stale",
        table_name="leads",
        postgresql_where=sa.text("status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL AND stale_since IS NULL"),
    )
    op.drop_index("ix_leads_clinic", table_name="leads", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_leads_assigned", table_name="leads", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("leads")
    op.drop_index("ix_job_items_failed", table_name="job_items", postgresql_where=sa.text("status = 'failed'"))
    op.drop_table("job_items")
    op.drop_index("ix_api_keys_clinic_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_index("ix_users_clinic_role", table_name="users")
    op.drop_table("users")
    op.drop_index("ix_rules_active", table_name="rules", postgresql_where=sa.text("active"))
    op.drop_table("rules")
    op.drop_index("ix_pipeline_stages_clinic_position", table_name="pipeline_stages")
    op.drop_table("pipeline_stages")
    op.drop_table("message_templates")
    op.drop_table("lead_sources")
    op.drop_index("uq_jobs_client_key", table_name="jobs", postgresql_where=sa.text("client_key IS NOT NULL"))
    op.drop_index("ix_jobs_finished_at", table_name="jobs", postgresql_where=sa.text("finished_at IS NOT NULL"))
    op.drop_table("jobs")
    op.drop_table("sweep_runs")
    op.drop_table("counters")
    op.drop_table("clinics")
