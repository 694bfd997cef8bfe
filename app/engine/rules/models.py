"""Rules and their versions."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.engine.versioned_models import DefinitionVersion, VersionedDefinition


class RuleRow(VersionedDefinition, Base):
    """A clinic's rule, with the definition in force; `rule_versions` has all its versions."""

    __tablename__ = "rules"
    __table_args__ = (
        Index("uq_rules_slug", "clinic_id", "slug", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_rules_active", "clinic_id", postgresql_where=text("active")),
    )


class RuleVersion(DefinitionVersion, Base):
    """One version of a rule. Steps name the version that planned them."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        Index("uq_rule_versions_draft", "rule_id", unique=True, postgresql_where=text("number IS NULL")),
    )

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("rules.id", ondelete="CASCADE"))
