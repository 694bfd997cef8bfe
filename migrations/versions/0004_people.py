"""Teams, custom roles, password links and invitations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROLES = ("front_desk", "treatment_coordinator", "clinic_admin", "doctor", "marketing_manager")


def upgrade() -> None:
    _create("teams", sa.Column("name", sa.Text(), nullable=False), unique="name")
    _create(
        "roles",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grants", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        unique="slug",
    )
    op.drop_constraint(op.f("ck_users_role"), "users", type_="check")
    op.alter_column("users", "password_hash", nullable=True)
    op.add_column("users", sa.Column("team_id", sa.Uuid(), nullable=True))
    op.add_column("users", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.create_foreign_key(op.f("fk_users_team_id"), "users", "teams", ["team_id"], ["id"])
    op.create_index("ix_users_team_id", "users", ["team_id"], postgresql_where=sa.text("team_id IS NOT NULL"))
    op.create_table(
        "password_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_password_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_links")),
    )
    op.create_index("ix_password_links_user_id", "password_links", ["user_id"])
    op.create_index("ix_password_links_expires_at", "password_links", ["expires_at"])
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON teams, roles, password_links TO relance_app")


def downgrade() -> None:
    op.drop_table("password_links")
    op.drop_column("users", "version")
    op.drop_column("users", "updated_at")
    op.drop_column("users", "team_id")
    op.execute("UPDATE users SET password_hash = '' WHERE password_hash IS NULL")
    op.alter_column("users", "password_hash", nullable=False)
    nobody_gains = f"UPDATE users SET role = 'front_desk', is_active = false WHERE role NOT IN {_ROLES}"  # noqa: S608
    op.execute(nobody_gains)
    op.create_check_constraint("role", "users", f"role IN {_ROLES}")
    op.drop_table("roles")
    op.drop_table("teams")


def _create(table: str, *columns: sa.Column[object], unique: str) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f(f"fk_{table}_clinic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("clinic_id", unique, name=op.f(f"uq_{table}_clinic_id_{unique}")),
    )
